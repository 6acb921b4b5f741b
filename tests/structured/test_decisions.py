import pytest
import torch

from spigot import KSubset, LinearChain, LinearChainParts, Matching, hinge_loss, regret, spo_plus_loss
from spigot.structured.audit.enumeration import all_structures


def example(seed=0, batch=4, n=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, batch, n, n, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("sense", ["min", "max"])
def test_against_all_decisions(sense):
    predicted, true = example()
    (members,) = (all_structures(Matching(), torch.zeros(1, 3, 3, dtype=torch.float64))[0],)
    sign = 1 if sense == "min" else -1
    for row in range(4):
        c, guess = sign * true[row], sign * predicted[row]
        costs = torch.stack([(c * z).sum() for z in members])
        best = members[costs.argmin()]
        expected = max(((c - 2 * guess) * z).sum() for z in members) + (2 * guess * best).sum() - costs.min()
        found = spo_plus_loss(predicted, true, Matching(), sense=sense)[row]
        assert found.item() == pytest.approx(expected.item())
        decided = min(range(len(members)), key=lambda k: (guess * members[k]).sum().item())
        lost = regret(predicted, true, Matching(), sense=sense)[row]
        assert lost.item() == pytest.approx((costs[decided] - costs.min()).item())
        assert found >= lost - 1e-12  # a bound


def test_it_is_the_hinge_loss_of_twice_the_costs():
    predicted, true = example(1)
    best = Matching().argmax(-true)
    assert torch.equal(
        spo_plus_loss(predicted, true, Matching()), hinge_loss(-2 * predicted, best, Matching(), cost=true)
    )


def test_the_subgradient():
    predicted, true = example(2)
    predicted.requires_grad_()
    (found,) = torch.autograd.grad(spo_plus_loss(predicted, true, Matching(), reduction="sum"), predicted)
    augmented = Matching().argmax(true - 2 * predicted.detach())
    assert torch.allclose(found, 2 * (Matching().argmax(-true) - augmented))


def test_right_costs_lose_nothing():
    _, true = example(3)
    assert not spo_plus_loss(true, true, Matching()).any()
    assert not regret(true, true, Matching()).any()


def test_lengths_masks_and_other_parts():
    predicted, true = example(4)
    lengths, mask = torch.tensor([3, 2, 1, 0]), torch.ones(4, 3, 3, dtype=torch.bool)
    poisoned = predicted.clone()
    poisoned[1, 2:] = torch.nan
    ours = regret(poisoned, true, Matching(), lengths=lengths, mask=mask)
    assert torch.equal(ours[1:2], regret(predicted[1:2, :2, :2], true[1:2, :2, :2], Matching()))
    poisoned = true.clone()
    poisoned[1, 2:] = torch.nan
    assert torch.equal(ours, regret(predicted, poisoned, Matching(), lengths=lengths, mask=mask))
    assert ours[3] == 0
    chain = [LinearChainParts(torch.randn(2, 4, 3), torch.randn(2, 3, 3, 3)) for _ in range(2)]
    assert (regret(*chain, LinearChain()) >= 0).all()
    assert regret(torch.randn(5), torch.randn(5), KSubset(2)).shape == ()


def test_what_is_wrong_is_named():
    predicted, true = example()
    with pytest.raises(ValueError, match="sense"):
        regret(predicted, true, Matching(), sense="least")
    with pytest.raises(TypeError, match="structure"):
        spo_plus_loss(predicted, true, Matching)
    for value in (torch.inf, -torch.inf, torch.nan):
        wrong = true.clone()
        wrong[1, 0, 1] = value
        for function in (spo_plus_loss, regret):
            with pytest.raises(ValueError, match=r"^true: expected finite numbers in candidate cells, .*row 1 of"):
                function(predicted, wrong, Matching())
            assert function(predicted, wrong, Matching(), mask=wrong.isfinite()).isfinite().all()

import pytest
import torch

from spigot.models.tanh import Tanh, tanh

VALUES = torch.cat([torch.linspace(-30, 30, 60001), torch.tensor([0.0, 1e-30, 1e38, -1e38, torch.inf, -torch.inf])])


def test_tanh_in_single_precision():
    expected = torch.tanh(VALUES.double())
    assert (tanh(VALUES) - expected).abs().max() < 3e-7
    assert (tanh(VALUES.requires_grad_()).detach() - expected).abs().max() < 3e-7
    assert tanh(torch.tensor(torch.nan)).isnan()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_types_have_torchs_tanh(dtype):
    values = VALUES.detach().to(dtype)
    assert tanh(values).equal(torch.tanh(values))


def test_its_gradients_are_those_of_torch():
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weights = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))

    def gradients(function):
        (first,) = torch.autograd.grad((function(x) * weights).sum(), x, create_graph=True)
        return first, *torch.autograd.grad((first**2).sum(), x)

    torch.testing.assert_close(gradients(Tanh()), gradients(torch.tanh))
    mapped = torch.func.vmap(torch.func.grad(lambda row: tanh(row).sum()))(x)
    torch.testing.assert_close(mapped, 1 - torch.tanh(x) ** 2)


def test_it_compiles_whole():
    x = torch.randn(7, requires_grad=True)
    torch.testing.assert_close(torch.compile(tanh, fullgraph=True, backend="aot_eager")(x), torch.tanh(x))

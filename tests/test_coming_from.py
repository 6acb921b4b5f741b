"""docs/coming-from.md: every line runs, every name of the other libraries has a row, and what can be compared is."""

import re
from itertools import pairwise

import entmax
import pytest
import torch

from tests.docs.pages import DOCS, running

PAGE = "coming-from.md"
NAMES = {
    "torch-struct": """
        DependencyCRF NonProjectiveDependencyCRF LinearChainCRF SemiMarkovCRF HMM TreeCRF SentCFG AlignmentCRF
        AutoregressivePrediction StructDistribution .partition .argmax .mode .max .topk .kmax .marginals .sample
        .log_prob .entropy .cross_entropy .kl .count .gumbel_crf .to_event .from_event
    """,
    "SuPar": """
        StructuredDistribution LinearChainCRF SemiMarkovCRF MatrixTree DependencyCRF Dependency2oCRF ConstituencyCRF
        BiLexicalizedConstituencyCRF DependencyMFVI DependencyLBP ConstituencyMFVI ConstituencyLBP
        SemanticDependencyMFVI SemanticDependencyLBP .log_partition .marginals .max .argmax .mode .kmax .topk .sample
        .entropy .cross_entropy .kl .log_prob
    """,
    "entmax": " ".join(
        name for name, value in vars(entmax).items() if callable(value) and value.__module__.startswith("entmax")
    ),
    "lp-sparsemap": """
        Xor Or AtMostOne Imply XorOut OrOut AndOut Budget Pair Sequence DepTree SequenceBudget FactorGraph
        TorchFactorGraph
    """,
    "PyEPO": """
        SPOPlus blackboxOpt negativeIdentity perturbedOpt perturbedOptMul perturbedFenchelYoung
        perturbedFenchelYoungMul regularizedFrankWolfeOpt regularizedFrankWolfeFenchelYoung noiseContrastiveEstimation
        contrastiveMAP pointwiseLTR pairwiseLTR listwiseLTR implicitMLE adaptiveImplicitMLE perturbationGradient
        coneAlignedCosine metric.MSE metric.SPOError metric.calRegret metric.calUnambRegret metric.makeAutoSkScorer
        metric.makeSkScorer metric.regret metric.unambRegret
    """,
    "InferOpt.jl": """
        FixedAtomsProbabilityDistribution compute_expectation compress_distribution! Pushforward
        compute_probability_distribution Interpolation DifferentiableFrankWolfe LMOWrapper half_square_norm
        shannon_entropy negative_shannon_entropy one_hot_argmax ranking IsRegularized soft_argmax sparse_argmax
        RegularizedGeneric PerturbedAdditive PerturbedMultiplicative SPOPlusLoss IsBaseLoss ZeroOneBaseLoss
        StructuredSVMLoss ImitationLoss get_y_true
    """,
    "torch-imle": """
        imle TargetDistribution SumOfGammaNoiseDistribution nb_samples input_noise_temperature
        target_noise_temperature aimle AdaptiveTargetDistribution
    """,
}
"""What a user of each library looks for."""


def rows():
    """Return the rows of the page: the library, its names, and what is here."""
    library, found = "", []
    for line in (DOCS / PAGE).read_text("utf-8").splitlines():
        if line.startswith("## "):
            library = line[3:]
        elif line.startswith("| ") and not line.startswith(f"| {library} |"):
            left, right = line.strip("| ").split(" | ")
            found.append((library, left, right))
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with running(PAGE, tmp_path_factory.mktemp("page")) as names:
        yield names


@pytest.mark.parametrize("library", NAMES)
def test_every_name_has_a_row(library):
    listed = " ".join(left for own, left, _ in rows() if own == library)
    quoted = set(re.findall(r"`([^`(]+)[^`]*`", listed))
    assert not set(NAMES[library].split()) - quoted
    assert {own for own, _, _ in rows()} == set(NAMES)


CODE = [(library, left, right) for library, left, right in rows() if right.startswith("`") and "..." not in right]


@pytest.mark.parametrize(("library", "left", "right"), CODE, ids=lambda text: text[:40])
def test_every_line_runs(page, library, left, right):
    lines = [line for line in re.findall(r"`([^`]+)`", right) if "(" in line or line.startswith("p.")]
    lines += [right[1 : right.index("`", 1)]]
    for line in lines:
        assert eval(line, page) is not None  # the page is ours


@pytest.mark.parametrize(("library", "left", "right"), [row for row in rows() if row not in CODE], ids=lambda t: t[:40])
def test_what_is_not_here_says_so(library, left, right):
    assert right.startswith("not here") or "..." in right


def line_of(library, name):
    (right,) = {right for own, left, right in rows() if own == library and f"`{name}`" in left}
    return right[1 : right.index("`", 1)]


def test_entmax_gives_the_same(page):
    x, index = page["x"], page["index"]
    for name, expected in {
        "sparsemax": entmax.sparsemax(x, dim=-1),
        "sparsemax_bisect": entmax.sparsemax_bisect(x, dim=-1),
        "sparsemax_loss": entmax.sparsemax_loss(x, index),
        "budget_bisect": entmax.budget_bisect(x, budget=2.0, dim=-1),
    }.items():
        found = eval(line_of("entmax", name), page)
        assert torch.allclose(found, expected, atol=1e-5), name


def test_roots_on_the_diagonal(page):
    """A tree's score in both conventions."""
    potentials = page["tree_potentials"]
    p = eval(line_of("torch-struct", "DependencyCRF"), page)
    for b, heads in enumerate(p.structure.to_compact(p.argmax)[:, 1:].tolist()):
        theirs = sum(potentials[b, m if h == 0 else h - 1, m] for m, h in enumerate(heads))
        assert torch.allclose(theirs, p.structure.score(p.scores, p.argmax)[b])


def test_transitions_from_the_last_tag(page):
    p = eval(line_of("torch-struct", "LinearChainCRF"), page)
    for b, tags in enumerate(p.structure.to_compact(p.argmax).tolist()):
        pairs = enumerate(pairwise(tags))
        theirs = sum(page["chain_potentials"][b, n, after, before] for n, (before, after) in pairs)
        assert torch.allclose(theirs, p.structure.score(p.scores, p.argmax)[b])


def test_the_spans_of_fenceposts(page):
    p = eval(line_of("SuPar", "ConstituencyCRF"), page)
    for b, first, last, label in p.argmax.nonzero().tolist():
        assert p.scores[b, first, last, label] == page["fenceposts"][b, first, last + 1, label]


def test_logic_factors_have_their_truth_tables(page):
    tables = {
        "Imply": {(a, b) for a in (0, 1) for b in (0, 1) if a <= b},
        "OrOut": {(a, b, int(a or b)) for a in (0, 1) for b in (0, 1)},
        "AndOut": {(a, b, a * b) for a in (0, 1) for b in (0, 1)},
    }
    for name, table in tables.items():
        structure = eval(line_of("lp-sparsemap", name).partition(".argmax")[0], page)
        variables = structure.constraints.variables
        points = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * variables)
        kept = points[structure.contains(points)]
        assert {tuple(map(int, point)) for point in kept.tolist()} == table


def test_pyepo_regret_and_perturbation_gradient(page):
    structure, predicted, true, h = (page[name] for name in ("S", "predicted", "true", "h"))

    def value(costs):
        return structure.score(costs, structure.argmax(-costs))

    expected = (value(predicted + h * true) - value(predicted - h * true)) / (2 * h)
    assert torch.allclose(eval(line_of("PyEPO", "perturbationGradient"), page), expected, atol=1e-5)
    decided = structure.score(true, structure.argmax(-predicted))
    normalised = (decided - value(true)).sum() / value(true).sum()
    assert torch.allclose(eval(line_of("PyEPO", "metric.regret"), page), normalised)


def test_ranks(page):
    ranked = eval(line_of("InferOpt.jl", "ranking"), page)
    assert torch.equal(ranked.argmax(2), page["x"].argsort(1).argsort(1))

"""docs/coming-from.md: every line runs, every name of the other libraries has a row, and what can be compared is."""

import re
from itertools import pairwise

import entmax
import pytest
import torch

from spigot import Gibbs
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
    "SynJax": """
        Distribution SemiringDistribution AlignmentCRF CTC SpanningTreeCRF LinearChainCRF SemiMarkovCRF HMM TreeCRF PCFG
        GeneralizedPCFG TensorDecompositionPCFG GeneralizedTensorDecompositionPCFG get_config set_config semirings
        special .log_partition .log_count .marginals .log_marginals .marginals_for_template_variables .argmax
        .argmax_and_max .top_k .sample .sample_without_replacement .differentiable_sample .log_prob
        .unnormalized_log_prob .entropy .cross_entropy .kl_divergence
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
        metric.makeSkScorer metric.regret metric.unambRegret smartPredictThenOptimizePlus DBB NID DPO DPOMul PFY PFYMul
        IMLE AIMLE RFWO RFY PG NCE CMAP CaVE pointwiseLearningToRank pairwiseLearningToRank listwiseLearningToRank ptLTR
        prLTR lsLTR model.optModel model.knapsackModel model.shortestPathModel model.tspModel model.vrpModel
        model.portfolioModel data.optDataset data.knapsack data.shortestpath data.tsp data.portfolio
        twostage.sklearnPred twostage.autoSklearnPred
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
    "blackbox-backprop": """
        ShortestPath MinCostPerfectMatchingSolver TspSolver TrueRanker RecallLoss BatchMemoryRecallLoss MapLoss
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
        value = eval(line, page)  # the page is ours
        if isinstance(value, Gibbs):  # it computes nothing before it is asked
            assert value.log_partition.isfinite().all()
            assert value.structure.contains(value.argmax, value.lengths).all()
        assert value is not None


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


def test_scores_of_start_and_end(page):
    p = eval(line_of("SuPar", "LinearChainCRF"), page)
    emissions, transitions, start, end = (page[name] for name in ("emissions", "transitions", "start", "end"))
    for b, size in enumerate(page["lengths"]):
        tags = p.structure.to_compact(p.argmax, p.lengths)[b, :size].tolist()
        theirs = start[tags[0]] + sum(emissions[b, n, tag] for n, tag in enumerate(tags)) + end[tags[-1]]
        theirs = theirs + sum(transitions[pair] for pair in pairwise(tags))
        assert torch.allclose(theirs, p.structure.score(p.scores, p.argmax, p.lengths)[b])


def test_the_first_transition_of_synjax(page):
    p = eval(line_of("SynJax", "LinearChainCRF"), page)
    for b, tags in enumerate(p.structure.to_compact(p.argmax).tolist()):
        pairs = enumerate(pairwise([0, *tags]))
        theirs = sum(page["edge_scores"][b, n, before, after] for n, (before, after) in pairs)
        assert torch.allclose(theirs, p.structure.score(p.scores, p.argmax)[b])


def test_undirected_trees_are_those_of_kirchhoff(page):
    p = eval(line_of("SynJax", "SpanningTreeCRF(directed=False)"), page)
    weights = p.scores.double().exp()
    weights = weights - torch.diag_embed(weights.diagonal(dim1=1, dim2=2))
    laplacian = torch.diag_embed(weights.sum(1)) - weights
    assert torch.allclose(laplacian[:, 1:, 1:].logdet(), p.log_partition.double(), atol=1e-5)


def test_moves_of_an_alignment(page):
    """The best path, scored by where it comes from as torch-struct numbers it."""
    p = eval(line_of("torch-struct", "AlignmentCRF"), page)
    steps = {(0, 1): 0, (1, 1): 1, (1, 0): 2}
    for b in range(2):
        nodes = [(0, 0), *sorted((i, j) for i, j, _ in p.argmax[b].nonzero().tolist())]
        moves = [(*to, steps[to[0] - start[0], to[1] - start[1]]) for start, to in pairwise(nodes)]
        theirs = sum(page["operations"][b][move] for move in moves)
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
    ranks = eval(line_of("blackbox-backprop", "TrueRanker"), page)
    assert torch.equal(ranks, page["x"].argsort(1).argsort(1) + 1.0)


def test_a_perfect_matching_covers_each_node_once(page):
    chosen = eval(line_of("blackbox-backprop", "MinCostPerfectMatchingSolver"), page)
    assert torch.equal(chosen @ torch.tensor(page["at_nodes"]).T, torch.ones(2, 4))

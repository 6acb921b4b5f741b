"""The core: structured decisions as layers. Knows nothing of words; needs torch and numba alone."""

from .audit.audit import audit, default_surrogates
from .audit.enumeration import all_structures
from .audit.table import Audit, AuditRow
from .base import MarginalStructure, Polytope, Structure
from .decisions import regret, spo_plus_loss
from .gibbs import Gibbs
from .layer import StructuredArgmax, structured_argmax
from .losses import hamming_cost, hinge_loss, negative_log_likelihood, perceptron_loss, perturbed_loss, sparsemap_loss
from .parts.arcs import arcs_to_heads, heads_to_arcs
from .parts.base import Parts
from .parts.categories import categories_to_indices, indices_to_categories
from .parts.chain import LinearChainParts, chains_to_tags, tags_to_chains
from .parts.compact import CompactForm
from .parts.graph import SemanticGraphParts, graphs_to_labels, labels_to_graphs
from .parts.spans import spans_to_trees, trees_to_spans
from .parts.square import columns_to_matching, matching_to_columns
from .polytopes.birkhoff import Birkhoff
from .polytopes.capped_simplex import CappedSimplex
from .polytopes.chain_simplices import ChainSimplices
from .polytopes.clipped_arcs import ClippedArcs
from .polytopes.graph_hull import GraphHull
from .polytopes.hull import Hull, HullSolution
from .polytopes.labeled_arcs import LabeledArcs
from .polytopes.linear_constraints import LinearConstraints
from .polytopes.simplex import Simplex
from .polytopes.single_head import SingleHead
from .polytopes.span_box import SpanBox
from .problem import Problem
from .programs.ctc import CTC, CTCParts, ctc_scores
from .programs.hidden_markov import hidden_markov_scores
from .programs.monotone_alignment import MonotoneAlignment, alignment_scores, warping_scores
from .programs.pcfg import PCFG, PCFGParts
from .programs.program import DynamicProgram
from .programs.semi_markov import SegmentationParts, SemiMarkov
from .structures.approximate_semantic_graph import ApproximateSemanticGraph
from .structures.binary_tree import BinaryTree
from .structures.budget import Budget
from .structures.categorical import Categorical
from .structures.k_subset import KSubset
from .structures.linear_chain import LinearChain
from .structures.linear_program import LinearProgram
from .structures.matching import Matching
from .structures.nonprojective_tree import NonProjectiveTree
from .structures.projective_tree import ProjectiveTree
from .structures.semantic_graph import SemanticGraph
from .surrogates.aimle import AIMLE
from .surrogates.base import ArgmaxSurrogate, CustomSurrogate, DifferentiableSurrogate, Surrogate
from .surrogates.blackbox import Blackbox
from .surrogates.detach import Detach
from .surrogates.gumbel import Gumbel
from .surrogates.imle import IMLE
from .surrogates.marginal_jacobian import MarginalJacobian
from .surrogates.marginals import Marginals
from .surrogates.negative_identity import NegativeIdentity
from .surrogates.perturbed import Perturbed
from .surrogates.perturbed_score_function import PerturbedScoreFunction
from .surrogates.score_function import ScoreFunction
from .surrogates.simple import SIMPLE
from .surrogates.sparsemap import SparseMAP
from .surrogates.spigot import SPIGOT
from .surrogates.spigot_ce import SPIGOTCE
from .surrogates.spigot_eg import SPIGOTEG
from .surrogates.straight_through import StraightThrough

__all__ = [
    "AIMLE",
    "CTC",
    "IMLE",
    "PCFG",
    "SIMPLE",
    "SPIGOT",
    "SPIGOTCE",
    "SPIGOTEG",
    "ApproximateSemanticGraph",
    "ArgmaxSurrogate",
    "Audit",
    "AuditRow",
    "BinaryTree",
    "Birkhoff",
    "Blackbox",
    "Budget",
    "CTCParts",
    "CappedSimplex",
    "Categorical",
    "ChainSimplices",
    "ClippedArcs",
    "CompactForm",
    "CustomSurrogate",
    "Detach",
    "DifferentiableSurrogate",
    "DynamicProgram",
    "Gibbs",
    "GraphHull",
    "Gumbel",
    "Hull",
    "HullSolution",
    "KSubset",
    "LabeledArcs",
    "LinearChain",
    "LinearChainParts",
    "LinearConstraints",
    "LinearProgram",
    "MarginalJacobian",
    "MarginalStructure",
    "Marginals",
    "Matching",
    "MonotoneAlignment",
    "NegativeIdentity",
    "NonProjectiveTree",
    "PCFGParts",
    "Parts",
    "Perturbed",
    "PerturbedScoreFunction",
    "Polytope",
    "Problem",
    "ProjectiveTree",
    "ScoreFunction",
    "SegmentationParts",
    "SemanticGraph",
    "SemanticGraphParts",
    "SemiMarkov",
    "Simplex",
    "SingleHead",
    "SpanBox",
    "SparseMAP",
    "StraightThrough",
    "Structure",
    "StructuredArgmax",
    "Surrogate",
    "alignment_scores",
    "all_structures",
    "arcs_to_heads",
    "audit",
    "categories_to_indices",
    "chains_to_tags",
    "columns_to_matching",
    "ctc_scores",
    "default_surrogates",
    "graphs_to_labels",
    "hamming_cost",
    "heads_to_arcs",
    "hidden_markov_scores",
    "hinge_loss",
    "indices_to_categories",
    "labels_to_graphs",
    "matching_to_columns",
    "negative_log_likelihood",
    "perceptron_loss",
    "perturbed_loss",
    "regret",
    "spans_to_trees",
    "sparsemap_loss",
    "spo_plus_loss",
    "structured_argmax",
    "tags_to_chains",
    "trees_to_spans",
    "warping_scores",
]

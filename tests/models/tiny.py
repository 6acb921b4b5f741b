"""Systems small enough to build and train in a test, and sentences for them."""

from spigot.builtin import generate
from spigot.data.sentence import TOP, Arc, Graph, Sentence, Tree
from spigot.data.vocabulary import Labels, Roles, Vocabulary
from spigot.systems.multitask import Multitask
from spigot.systems.multitask_config import MultitaskConfig
from spigot.systems.semantics_then_sentiment import SemanticsThenSentiment, SentimentVocabularies
from spigot.systems.semantics_then_sentiment_config import SemanticsThenSentimentConfig
from spigot.systems.syntax_alone import SyntaxAlone, SyntaxAloneConfig
from spigot.systems.syntax_then_category import SyntaxThenCategory, SyntaxThenCategoryConfig
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics, SyntaxThenSemanticsConfig, Vocabularies
from spigot.systems.syntax_words import SyntaxWords

SENTENCES = generate(40, seed=11)


def parser(**encoder):
    """A parser's table of a recipe."""
    sizes = {"word_dim": 6, "second_dim": 3, "tag_dim": 3, "hidden": 8, "layers": 1}
    return {"scorer": {"hidden": 6}, "encoder": sizes | encoder}


WORDS_ALONE = {"second": "word", "tag_dim": 0}
"""Arguments of an encoder that reads neither lemmas nor tags."""


def system(surrogate="SPIGOT", syntax=True, encoder=None, **settings):
    """A system's table of a recipe; `encoder` are arguments of both parsers' encoders."""
    encoder = encoder or {}
    if not syntax:
        return {"semantics": parser(**encoder), "syntax": False}
    parts = {"semantics": parser(**encoder), "syntax": parser(**encoder)}
    return parts | {"surrogate": {"name": surrogate, **settings}}


def tiny_vocabularies(sentences=SENTENCES, syntax=True, vector_words=()):
    vocabulary = Vocabulary.build(sentences, vector_words)
    known = (vocabulary, Labels.build(sentences)) if syntax else (None, None)
    return Vocabularies(vocabulary, Roles.build(sentences), *known)


def tiny_model(surrogate="SPIGOT", syntax=True, seed=0, **settings):
    """An untrained system over the words of `SENTENCES`, in evaluation mode."""
    import torch

    torch.manual_seed(seed)
    config = SyntaxThenSemanticsConfig.model_validate(system(surrogate, syntax, **settings))
    return SyntaxThenSemantics(config, tiny_vocabularies(syntax=syntax)).eval()


def syntax_model(seed=0, **settings):
    """An untrained syntactic parser over the words of `SENTENCES`, in evaluation mode."""
    import torch

    torch.manual_seed(seed)
    config = SyntaxAloneConfig.model_validate({"syntax": parser() | settings})
    return SyntaxAlone(config, SyntaxWords(*tiny_vocabularies()[2:])).eval()


def multitask_system(surrogate="SPIGOT", tree="syntax", graphs=("semantics",), **settings):
    """A table [system] of trees, graphs and tags from one encoder; `tree` None: the graphs read no tree."""
    scorer = {"name": "Perceptron", "hidden": 6}
    parts = {name: {"kind": "semantics", "scorer": scorer} for name in graphs}
    parts |= {"pos": {"kind": "tags"}, "syntax": {"kind": "syntax", "scorer": scorer}}
    content = {
        "kind": "multitask",
        "parts": parts,
        "encoder": {"word_dim": 6, "character_dim": 4, "hidden": 8, "layers": 1},
    }
    joint = {} if tree is None else {"tree": tree, "surrogate": {"name": surrogate}}
    return content | joint | settings


def multitask_model(surrogate="SPIGOT", seed=0, sentences=SENTENCES, tasks=None, **settings):
    """An untrained system of several tasks over the words of some sentences, in evaluation mode."""
    import torch

    torch.manual_seed(seed)
    config = MultitaskConfig.model_validate(multitask_system(surrogate, **settings))
    made = config.make_tasks({name: {"min_role_count": 1} for name in settings.get("graphs", ("semantics",))})
    return Multitask.from_sentences(config, made, dict.fromkeys(made, sentences), {}).eval()


def category_system(surrogate="SPIGOT", syntax=True, **settings):
    """A table [system] of a classifier that reads trees; `syntax` False: it reads those of `given`, or none."""
    classifier = {"encoder": parser()["encoder"], "hidden": 5, "dropout": 0.0}
    content = {"kind": "syntax-then-category", "category": classifier, "tree_feature": {"hidden": 4}} | settings
    joint = {"syntax": parser(), "surrogate": {"name": surrogate}} if syntax else {"syntax": False}
    return content | joint


def category_model(surrogate="SPIGOT", seed=0, tasks=None, **settings):
    """An untrained classifier of the sentiment of `SENTENCES`, in evaluation mode."""
    import torch

    torch.manual_seed(seed)
    config = SyntaxThenCategoryConfig.model_validate(category_system(surrogate, **settings))
    made = config.make_tasks(tasks or {})
    return SyntaxThenCategory.from_sentences(config, made, dict.fromkeys(made, SENTENCES), {}).eval()


def sentence(forms, id="1", lemmas=None, tags=None, heads=None, arcs=None):
    """A sentence from a string of forms."""
    words = tuple(forms.split())
    blank = ("_",) * len(words)
    graphs = {}
    if arcs is not None:
        arcs = tuple(sorted(Arc(*arc) for arc in arcs))
        graphs = {"semantics": Graph(arcs, frozenset(arc.head for arc in arcs) - {0})}
    return Sentence(
        id,
        words,
        blank if lemmas is None else tuple(lemmas.split()),
        blank if tags is None else tuple(tags.split()),
        trees={} if heads is None else {"syntax": Tree(tuple(heads), blank)},
        graphs=graphs,
    )


def top(token):
    return (0, token, TOP)


def sentiment_system(surrogate="SPIGOT", bag=False, dropout=0.3, **settings):
    """A sentiment system's table of a recipe; `surrogate` None leaves the parser out."""
    sizes = {"word_dim": 6, "second_dim": 3, "tag_dim": 3, "hidden": 4, "input_dropout": dropout}
    classifier = {"name": "bilstm", "encoder": sizes, "feature": 5, "hidden": 5, "dropout": dropout}
    if bag:
        classifier = {"name": "bag", "word_dim": 6, "hidden": 5}
    content = {"kind": "semantics-then-sentiment", "classifier": classifier}
    if surrogate is None:
        return content | {"semantics": False}
    name = {"name": surrogate} if isinstance(surrogate, str) else surrogate
    return content | {"semantics": parser(), "surrogate": name} | settings


def sentiment_model(surrogate="SPIGOT", bag=False, seed=0, **settings):
    """An untrained sentiment system over the words of `SENTENCES`, in evaluation mode."""
    import torch

    torch.manual_seed(seed)
    config = SemanticsThenSentimentConfig.model_validate(sentiment_system(surrogate, bag, **settings))
    known = tiny_vocabularies()
    parser_known = (known.semantics, known.roles) if surrogate else (None, None)
    return SemanticsThenSentiment(config, SentimentVocabularies(known.semantics, *parser_known)).eval()

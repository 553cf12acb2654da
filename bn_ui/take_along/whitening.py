"""The cloud on the screen: standardised, PCA- and ZCA-whitened, as programs."""

from __future__ import annotations

import numpy as np

from bn_ui.take_along import templates as shared
from bn_ui.take_along.inference import SHOW
from bn_ui.take_along.language import cell
from bn_ui.take_along.program import Cell, TakeAlong
from bn_ui.text import t

DATA = """
#: about_whitening
$imports

#: two_features
x = $x
eps = $eps
"""

COVARIANCE = {
    "numpy": """
#: covariance
def covariance(z):
    centred = z - z.mean(axis=0)
    return centred.T @ centred / len(z)


def describe(name, label, z):
    cov = covariance(z)
    show(f"cov_{name}: {label}", cov)
    values = np.linalg.eigvalsh(cov)
    #: condition
    empty = values[0] <= len(z) * 2**-52 * values[-1]
    show(f"condition_{name}: $word_condition", float("inf") if empty else values[-1] / values[0])
""",
    "torch": """
#: covariance_torch
def covariance(z):
    return torch.atleast_2d(torch.cov(z.T, correction=0))


def describe(name, label, z):
    cov = covariance(z)
    show(f"cov_{name}: {label}", cov)
    values = torch.linalg.eigvalsh(cov)
    #: condition
    empty = values[0] <= len(z) * 2**-52 * values[-1]
    show(f"condition_{name}: $word_condition", float("inf") if empty else values[-1] / values[0])
""",
}

STANDARDISE = {
    "numpy": """
describe("x", "$word_cov_x", x)
#: each_alone
centred = x - x.mean(axis=0)
x_hat = centred / np.sqrt((centred**2).mean(axis=0) + eps)
describe("x_hat", "$word_cov_x_hat", x_hat)
""",
    "torch": """
describe("x", "$word_cov_x", x)
#: each_alone_torch
centred = x - x.mean(axis=0)
x_hat = centred / torch.sqrt(x.var(axis=0, correction=0) + eps)
describe("x_hat", "$word_cov_x_hat", x_hat)
""",
}

WHITEN = """
#: eigen
values, vectors = $library.linalg.eigh(covariance(x))
values, vectors = values$reversed, vectors$columns_reversed
signs = $library.where($library.diagonal(vectors) < 0, -1.0, 1.0)
vectors = vectors * signs
#: pca
w_pca = (vectors / $library.sqrt(values + eps)).T
z_pca = centred @ w_pca.T
describe("pca", "$word_cov_pca", z_pca)
#: zca
w_zca = vectors @ w_pca
z_zca = centred @ w_zca.T
describe("zca", "$word_cov_zca", z_zca)
"""

ROTATE = """
#: any_rotation
c, s = 1 / 2, 3**0.5 / 2
q = $array([[c, -s], [s, c]]$dtype)
describe("turned", "$word_cov_turned", z_zca @ q.T)
#: nearest
show("moved_zca: $word_moved_zca", ((z_zca - centred) ** 2).sum(axis=1).mean())
show("moved_turned: $word_moved_turned", ((z_zca @ q.T - centred) ** 2).sum(axis=1).mean())
"""

_SPELLED = {
    "numpy": {
        "library": "np",
        "reversed": "[::-1]",
        "columns_reversed": "[:, ::-1]",
        "array": "np.array",
        "dtype": "",
    },
    "torch": {
        "library": "torch",
        "reversed": ".flip(0)",
        "columns_reversed": ".flip(1)",
        "array": "torch.tensor",
        "dtype": ", dtype=torch.float64",
    },
}


def whitening(x: np.ndarray, eps: float) -> TakeAlong:
    """Programs for two features (m, 2), looked at with this ε."""
    return TakeAlong(
        "whitening",
        t("chapters.whitening"),
        _cells("numpy", x, eps),
        _cells("torch", x, eps),
    )


def _cells(library: str, x: np.ndarray, eps: float) -> list[Cell]:
    numpy = library == "numpy"
    data = {
        "x": shared.array(x, library),
        "eps": repr(float(eps)),
        "m": str(len(x)),
        "imports": shared.IMPORTS[library],
    }
    spelled = _SPELLED[library]
    return [
        cell(DATA, "whitening" if numpy else "", **data),
        cell(SHOW[library]),
        cell(COVARIANCE[library], "covariance" if numpy else ""),
        cell(STANDARDISE[library], "standardise" if numpy else ""),
        cell(WHITEN, "whiten" if numpy else "", **spelled),
        cell(ROTATE, "rotate" if numpy else "", **spelled),
    ]

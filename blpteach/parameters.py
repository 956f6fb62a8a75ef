"""theta2: which parameters the search moves, and what utility makes of them."""
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Parameters:
    """A vector theta2 in the form in which utility takes it.

    Attributes
    ----------
    Gamma : array (K2, L + D)
        `[sigma, pi]` side by side.
    beta : array (K1,)
        Linear parameters that are searched, at their places; zeros for those that are concentrated
        out.
    """
    Gamma: np.ndarray
    beta: np.ndarray


@dataclass(frozen=True)
class Free:
    """Which elements of `Gamma = [sigma, pi]` and of beta are searched.

    The others stay what they are, usually zero. theta2 (P,) holds the H free elements of Gamma,
    sigma by rows and then pi by rows, and the Q searched elements of beta.

    Attributes
    ----------
    Gamma : array (K2, L + D)
        Starting values.
    rows, columns : int arrays (H,)
        Where in Gamma the free elements stand.
    L : int
        Columns of nodes: elements left of column L are sigma's.
    beta : array (K1,)
        Starting values of the searched linear parameters, zeros elsewhere.
    searched : int array (Q,)
        Columns of X1 whose coefficients can't be concentrated out: with a supply side those that
        move with price.
    names : list of P strings
        Such as `sigma[prices, nodes1]`, `pi[prices, income]`, `beta[prices]`.
    unit : array (P,)
        By how much a parameter must change to change utilities by about one.
    even : bool array (P,)
        Elements of sigma whose nodes lie symmetrically about zero, so that delta is an even
        function of their column.
    on_price : bool array (P,)
        Whether a parameter multiplies price.
    lower, upper : arrays (P,)
        Bounds, infinite where there are none.
    """
    Gamma: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    L: int
    beta: np.ndarray
    searched: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    names: list = field(default_factory=list)
    unit: np.ndarray = None
    even: np.ndarray = None
    on_price: np.ndarray = None
    lower: np.ndarray = None
    upper: np.ndarray = None

    def __post_init__(self):
        P = len(self.rows) + len(self.searched)
        defaults = {"unit": 1.0, "even": False, "on_price": False,
                    "lower": -np.inf, "upper": np.inf}
        for name, value in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.full(P, value))

    @property
    def start(self):
        """Starting values (P,)."""
        return np.concatenate([self.Gamma[self.rows, self.columns], self.beta[self.searched]])

    def unpack(self, theta2):
        """theta2 (P,) as `Parameters`: each element at its place."""
        Gamma, beta, H = self.Gamma.copy(), np.zeros_like(self.beta), len(self.rows)
        Gamma[self.rows, self.columns] = theta2[:H]
        beta[self.searched] = theta2[H:]
        return Parameters(Gamma, beta)

    @cached_property
    def concentrated(self):
        """Columns of X1 (K1 - Q,) whose parameters are concentrated out, not searched."""
        return np.setdiff1d(np.arange(len(self.beta)), self.searched)

    @property
    def nodes(self):
        """Column of nodes of each parameter (P,), and -1 for what is not an element of sigma."""
        of_sigma = np.where(self.columns < self.L, self.columns, -1)
        return np.concatenate([of_sigma, np.full(len(self.searched), -1)])

"""One symbol, one name, one shape: the table that lessons and docstrings share.

`lessons/notation.ipynb` is made from it, and a test holds the docstrings to it.
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Symbol:
    """A row of the table of notation.

    Parameters
    ----------
    symbol : str
        As in the equations, in LaTeX.
    code : str
        Its name in code; several names are separated by commas.
    shape : str
        Of the array, or of each of them, separated by semicolons; empty for numbers.
    meaning : str
    pyblp : str
        PyBLP's name for it, or empty.
    lesson : str
        The first lesson that uses it.
    """
    symbol: str
    code: str
    shape: str
    meaning: str
    pyblp: str
    lesson: str


SYMBOLS = tuple(Symbol(*row) for row in (
    (r"t,\; j,\; i", "T, J, I", "", "markets, products of a market, types of consumers", "", "00"),
    (r"N", "N", "", "products of all markets together: rows of the products table", "N", "00"),
    (r"s_j", "shares", "(..., J)",
     "market shares, fractions of the potential market; the outside good's is `1 - shares.sum(-1)`",
     "shares", "00"),
    (r"p_j", "prices", "(..., J)", "prices", "prices", "00"),
    (r"\delta_j", "delta", "(..., J)",
     r"mean utility, what all consumers share: $x_{1j}'\beta + \xi_j$", "delta", "00"),
    (r"x_1", "X1", "(..., J, K1)",
     "characteristics with mean tastes, price among them", "X1", "00"),
    (r"\beta", "beta", "(K1,)",
     "mean tastes; the one for price is called `beta_price`", "beta", "00"),
    (r"\xi_j", "xi", "(..., J)",
     "quality that consumers and firms see and the data don't; the error of the model", "xi", "00"),
    (r"\varepsilon_{ij}", "", "",
     "a consumer's own taste for a product, extreme value; integrated out by the logit formula",
     "", "00"),
    (r"\mu_{ij}", "mu", "(..., J, I)",
     r"how far type $i$'s utility is from the mean because of tastes", "mu", "01"),
    (r"V_{ij}", "V", "(..., J, I)",
     r"utility without $\varepsilon$: $\delta_j + \mu_{ij}$", "", "01"),
    (r"x_2", "X2", "(..., J, K2)", "characteristics with random tastes", "X2", "01"),
    (r"\nu_i", "nodes", "(..., I, L)",
     "unobserved tastes of a type, nodes of the integration", "nodes", "01"),
    (r"y_i", "demographics", "(..., I, D)",
     "observed demographics of a type", "demographics", "01"),
    (r"w_i", "weights", "(..., I)",
     "how many consumers a type stands for, as a fraction", "weights", "01"),
    (r"(\nu_i, y_i)", "tastes", "(..., I, L + D)",
     "nodes and demographics side by side", "", "01"),
    (r"\Sigma", "sigma", "(K2, L)",
     "how strongly unobserved tastes vary; a vector stands for a diagonal; zeros are fixed",
     "sigma", "01"),
    (r"\Pi", "pi", "(K2, D)", "how tastes vary with demographics; zeros are fixed", "pi", "01"),
    (r"(\Sigma, \Pi)", "Gamma", "(K2, L + D)", "sigma and pi side by side", "", "01"),
    (r"\theta_2", "theta2", "(P,)",
     "the free elements of sigma, row by row, then those of pi; "
     "with a supply side then the elements of beta that are searched", "theta", "01"),
    (r"s_{ij}", "P", "(..., J, I)",
     "choice probabilities: the share of product $j$ among consumers of type $i$", "", "01"),
    (r"w_{i \mid j}", "B", "(..., J, I)",
     "buyers: the distribution of types among those who buy $j$", "", "01"),
    (r"S_j", "shares", "(..., J)",
     "observed shares, where an equation has both them and the model's", "shares", "02"),
    (r"A", "A", "(..., J, J)",
     "Jacobian of the contraction; its largest eigenvalue is the `rate`", "", "02"),
    (r"z", "Z", "(N, M)", "instruments, exogenous columns of X1 included", "ZD", "03"),
    (r"W", "W", "(M, M)", "weighting matrix of the moments", "W", "03"),
    (r"g", "g", "(M,)", r"moments, $Z'\xi / N$", "moments", "03"),
    (r"q", "objective", "", r"GMM objective, $N g'Wg$", "objective", "03"),
    (r"S", "S", "(M, M)", "covariance of the moments", "S", "03"),
    (r"G", "G", "(M, P + K1)",
     r"derivative of the moments in $\theta_2$ and $\beta$; with a supply side in $\gamma$ too, "
     r"(M, P + K1 + K3) less the columns of $\beta$ that $\theta_2$ holds", "", "03"),
    (r"x_3", "X3", "(N, K3)", "characteristics of marginal costs", "X3", "09"),
    (r"\gamma", "gamma", "(K3,)", "cost parameters", "gamma", "09"),
    (r"\omega_j", "omega", "(N,)",
     "unobserved cost; the error of the cost equation", "omega", "09"),
    (r"z_s", "ZS", "(N, MS)", "instruments of the cost equation, X3 included", "ZS", "09"),
    (r"\tilde c_j", "tilde_costs", "(N,)",
     "what the cost equation explains: costs or their logs", "tilde_costs", "09"),
    (r"r", "r", "(M,)", r"residuals of the search, $q = r'r$", "", "04"),
    (r"R", "R", "(M, P)", r"their derivative in $\theta_2$", "", "04"),
    (r"\alpha_{ij}", "alpha", "(..., J, I)",
     r"$\partial u_{ij} / \partial p_j$, through `X1` and `X2` together", "", "05"),
    (r"D", "jacobian", "(..., J, J)",
     r"share Jacobian: row $j$, column $l$ is $\partial s_j / \partial p_l$", "", "05"),
    (r"e_{jl}", "", "(J, J)",
     r"elasticities, $(p_l / s_j)\, \partial s_j / \partial p_l$", "", "05"),
    (r"c_j", "costs", "(..., J)", "marginal costs", "costs", "05"),
    (r"\eta_j", "eta", "(..., J)", "margins, $p_j - c_j$", "eta", "05"),
    (r"H", "ownership", "(..., J, J)",
     "row $j$, column $l$: the weight that the setter of price $j$ puts on the profit of $l$",
     "ownership", "05"),
))

TERMS = {
    "absorb":
        "to take out fixed effects by subtracting group means "
        "instead of adding dummies (lesson 00)",
    "buyers": "the types of consumers among those who buy a product, as a distribution (01)",
    "characteristic": "a number that describes a product, such as its sugar content (00)",
    "concentrate":
        "to replace parameters by their best values given the others, "
        "so that they need no search (03)",
    "contraction":
        "a map that brings any two points closer by a factor below one; "
        "iterating it finds its only fixed point (02)",
    "demand system": "demand for each product as a function of all prices (00)",
    "demographics":
        "observed traits of consumers, such as income, whose distribution is known (01)",
    "diversion ratio":
        "of the consumers who leave a product when its price rises a little, "
        "the fraction that goes to a given other one (00)",
    "endogenous": "correlated with the error, as price is with the unobserved quality (00)",
    "gradient": "the vector of first derivatives of the objective (04)",
    "IIA":
        "independence of irrelevant alternatives: the ratio of two shares depends on no third "
        "product; the logit's assumption (00)",
    "inclusive value": "the expected utility of the best choice, up to a constant (01)",
    "inner loop, outer loop":
        "share inversion at given nonlinear parameters; the search over these parameters (02, 04)",
    "instrument": "a variable that moves an endogenous one and is uncorrelated with the error (00)",
    "Lerner index": "the margin as a fraction of price, $(p - c)/p$ (00)",
    "market": "a place and time in which consumers choose among the same products (00)",
    "mean utility": "the part of utility that all consumers share (00)",
    "node": "a point at which an integral over consumers is evaluated; a type of consumer (01)",
    "outside good":
        "number 0: anything but the products of the table, nothing included; "
        "its mean utility is zero (00)",
    "ownership matrix": "who sets which price with whose profit in mind (05)",
    "random coefficient": "a taste for a characteristic that differs among consumers (01)",
    "share inversion":
        "finding the mean utilities for which the model's shares are the observed ones (00, 02)",
    "sandwich":
        "the covariance of an estimate whose weights need not be the best ones: "
        "bread, meat, bread (03)",
    "spectral radius":
        "the largest absolute eigenvalue; of a map's Jacobian, "
        "its rate of convergence (02, 05)",
    "conduct": "how firms take each other's profits into account when they set prices (09)",
    "differentiation instrument":
        "how many other products, or how much distance to them, a product has around it (07)",
    "optimal instrument": "the expected derivative of an unobservable in a parameter (07)",
    "util": "the unit of utility, set by the scale of the extreme value distribution (00)",
    "weak instrument":
        "an instrument that hardly moves the endogenous variable, so that the estimate is biased "
        "and its standard error misleads (03)",
}


class Table:
    """A Markdown table that a notebook renders.

    Parameters
    ----------
    header : list of str
    rows : list of list of str
        As many cells in each as in the header.
    """

    def __init__(self, header, rows):
        self.header, self.rows = header, rows

    def _repr_markdown_(self):
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

    def __repr__(self):
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows)]
        lines = ("  ".join(map(str.ljust, cells, widths)) for cells in (self.header, *self.rows))
        return "\n".join(line.rstrip() for line in lines)


def notation(lesson=None):
    """The table of notation, of all lessons or up to one.

    Parameters
    ----------
    lesson : str, optional
        Two digits: only symbols that are used up to this lesson.

    Returns
    -------
    Table
        Rendered by a notebook; text elsewhere.

    Examples
    --------
    >>> import blpteach
    >>> "mean utility" in repr(blpteach.notation("00")), "buyers" in repr(blpteach.notation("00"))
    (True, False)
    """
    rows = [[f"${row.symbol.replace('|', chr(92) + 'mid')}$",
             as_code(row.code), row.shape, row.meaning, as_code(row.pyblp), row.lesson]
            for row in SYMBOLS if lesson is None or row.lesson <= lesson]
    return Table(["symbol", "code", "shape", "meaning", "PyBLP", "lesson"], rows)


def glossary():
    """The words of the course.

    Returns
    -------
    Table

    Examples
    --------
    >>> import blpteach
    >>> "outside good" in repr(blpteach.glossary())
    True
    """
    words = sorted(TERMS, key=str.lower)
    return Table(["word", "meaning"], [[f"**{word}**", TERMS[word]] for word in words])


def split_names(names):
    """List the names in a string that separates them by commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


def as_code(names):
    """Such a string with each name as code; empty where there is none."""
    return ", ".join(f"`{name}`" for name in split_names(names))

"""Data with a known truth.

Prices solve Bertrand-Nash, and the functions that make the markets are those that estimate them.
"""
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from .tables import validation as check
from .tables.beside import one_each
from .tables.blocks import make_blocks
from .errors import InputError, listing
from .instruments import blp_instruments, differentiation_instruments
from .tables.integration import halton
from .post_estimation import equilibrium_prices, ownership_matrix, price_coefficients
from .utility import market_shares, mean_utility, taste_deviations

FORMULAS = {"linear": "1 + prices + x + group", "random": "0 + prices + x + group",
            "demographics": "0 + income"}
SUPPLY = "1 + x + group + w0 + w1"


@dataclass(frozen=True)
class Truth:
    """The parameters behind simulated data, for the formulas `FORMULAS` and `SUPPLY`.

    Attributes
    ----------
    beta : mean tastes for 1, prices, x, group
    sigma : standard deviations of tastes for prices, x, group; the zero is known to be one
    pi : how the taste for prices moves with income
    gamma : marginal cost, or log marginal cost, of 1, x, group, and the cost shifters w0, w1
    xi_sd, omega_sd, correlation : standard deviations of the unobservables, and their correlation
    """
    beta: tuple = (1.0, -2.0, 1.5, 0.5)
    sigma: tuple = (0.0, 1.0, 2.0)
    pi: float = 0.5
    gamma: tuple = (1.0, 0.4, 0.3, 0.5, 0.4)
    xi_sd: float = 0.8
    omega_sd: float = 0.3
    correlation: float = 0.7

    @property
    def sigma_matrix(self):
        """sigma (3, 3) as `Problem.estimate` takes it."""
        return np.diag(self.sigma)

    @property
    def pi_matrix(self):
        """pi (3, 1) as `Problem.estimate` takes it."""
        return np.array([[self.pi], [0.0], [0.0]])


# Costs about as high as those of Truth().
LOG_COSTS = Truth(gamma=(0.2, 0.15, 0.1, 0.2, 0.15), omega_sd=0.12)


def simulate(truth=None, T=80, J=(6, 20), firms=4, I=100, seed=0, *, x=(0, 3), log_costs=False,
             owners=None, holdings=0.0, supply_instruments=False):
    """Products and agents of T markets in Bertrand-Nash equilibrium.

    Choice sets vary: each market draws its number of products, their characteristics and their
    owners anew. Firms know xi and omega when they set prices, so prices are endogenous. Cost
    shifters w0 and w1 are independent of both.

    Parameters
    ----------
    truth : Truth, optional
        By default `Truth()`, with log costs `LOG_COSTS`.
    T : int
        Markets.
    J : (int, int)
        Fewest and most products of a market.
    firms : int
    I : int
        Consumer types of a market: scrambled Halton nodes, and income whose mean differs from
        market to market.
    seed : int
    x : (float, float)
        Range of the characteristic x, which is uniform.
    log_costs : bool
        Whether `log c`, not c, is `(1, x, group, w0, w1) gamma + omega`.
    owners : array (N,), Series, or function, optional
        Who owns what, in place of the owners drawn: firm ids by the rows of products, or a function
        that makes them from the products without prices, as in
        `lambda products: products["firm_ids"].replace(1, 0)`, a merger. All else stays as drawn.
    holdings : float or dict
        Conduct, as in `ownership_matrix`: 0 is Bertrand-Nash, 1 joint monopoly.
    supply_instruments : bool
        Whether to add columns `supply_instruments*`.

    Returns
    -------
    products, agents : DataFrames
        Ready for `Problem(products, agents, **simulation.FORMULAS)`, with a supply side
        `supply=simulation.SUPPLY` beside them; truth, seed and sizes are in
        `products.attrs["truth"]`, with x, log costs and holdings where they were asked for.
        Columns `xi` and `costs` show what is not observed.
        Demand instruments: cost shifters, alone and times the market's mean income; sums of x and
        group over rivals' products; and how crowded a product's neighbourhood is: squared
        differences in x, the size of its group, and both together.
        Supply instruments: what shifts margins and not costs. Sums of x and group over the firm's
        other products, number of rivals' products and sums over them, the market's mean income.
        A column of instruments that never varies, such as sums over a monopolist's rivals, is left
        out, its number too.

    Raises
    ------
    InputError
        Where there is no equilibrium, or owners don't fit the products.

    Examples
    --------
    >>> products, agents = simulate(T=5, seed=1)
    >>> products.groupby("market_ids")["shares"].sum().max() < 1
    np.True_
    """
    truth = truth or (LOG_COSTS if log_costs else Truth())
    check_sizes(truth, T, J, firms, I)
    rng = np.random.default_rng(seed)
    products = draw_products(truth, T, J, firms, rng, check_range(x), log_costs)
    agents = draw_agents(T, I, rng, seed)
    if owners is not None:
        products["firm_ids"] = owner_ids(owners, products)
    set_prices(products, agents, truth, check.holdings(holdings, products))
    add_instruments(products, agents)
    if supply_instruments:
        add_supply_instruments(products, agents)
    asked = {"x": (tuple(x), (0, 3)), "log_costs": (log_costs, False), "holdings": (holdings, 0.0)}
    recorded = {name: value for name, (value, default) in asked.items() if value != default}
    sizes = {"T": T, "J": J, "firms": firms, "I": I, "seed": seed}
    products.attrs["truth"] = agents.attrs["truth"] = {**asdict(truth), **sizes, **recorded}
    return products, agents


def draw_products(truth, T, J, firms, rng, x, log_costs):
    """Characteristics, owners, cost shifters, unobservables and costs of all products."""
    sizes = rng.integers(J[0], J[1] + 1, T)
    N = sizes.sum()
    xi, omega = rng.multivariate_normal([0, 0], unobservable_covariance(truth), N).T
    products = pd.DataFrame({"market_ids": np.repeat(np.arange(T), sizes),
                             "firm_ids": rng.integers(0, firms, N),
                             "x": rng.uniform(*x, N), "group": rng.integers(0, 2, N),
                             "w0": rng.uniform(0, 2, N), "w1": rng.uniform(0, 2, N), "xi": xi})
    products["product_ids"] = products.groupby("market_ids").cumcount()
    shifters = np.column_stack([np.ones(N), products[["x", "group", "w0", "w1"]]])
    costs = shifters @ truth.gamma + omega
    products["costs"] = np.exp(costs) if log_costs else costs
    return products


def check_sizes(truth, T, J, firms, I):
    """The truth is a `Truth`, and what counts something is a positive whole number."""
    if not isinstance(truth, Truth):
        raise InputError(f"simulate: truth={truth!r} must be a Truth, "
                         "such as Truth(sigma=(0, 1, 2)).")
    if np.shape(J) != (2,) or not J[0] <= J[1]:
        raise InputError(f"simulate: J={J!r} must be (fewest, most) products of a market, "
                         "as in (4, 12).")
    for name, value in {"T": T, "J": J[0], "J ": J[1], "firms": firms, "I": I}.items():
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise InputError(f"simulate: {name.strip()} must be whole and positive; "
                             f"found {value!r}.")


def check_range(x):
    """Two numbers, the smaller first."""
    if np.shape(x) != (2,) or not np.isfinite(x).all() or not x[0] < x[1]:
        raise InputError(f"simulate: x={x!r} must be (lowest, highest), as in (0, 3).")
    return x


def owner_ids(owners, products):
    """Firm ids (N,) from an array, a Series by its index, or a function of the products."""
    ids, N = owners(products.copy()) if callable(owners) else owners, len(products)
    if np.ndim(ids) == 1 and len(ids) != N:
        raise InputError(f"simulate: owners must be {N} firm ids, one for each product; "
                         f"found {len(ids)}. Where the number of products is drawn, give a "
                         "function of the products.")
    return one_each(ids, products, "simulate: owners", object)


def unobservable_covariance(truth):
    """Covariance (2, 2) of xi and omega."""
    covariance = truth.correlation * truth.xi_sd * truth.omega_sd
    return [[truth.xi_sd**2, covariance], [covariance, truth.omega_sd**2]]


def draw_agents(T, I, rng, seed):
    """Consumer types: weights, nodes for prices, x and group, and standardised income."""
    nodes = halton(I, seed=seed).draws(T * I, 3)
    income = 0.6 * rng.standard_normal(T).repeat(I) + 0.8 * rng.standard_normal(T * I)
    return pd.DataFrame({"market_ids": np.repeat(np.arange(T), I), "weights": 1 / I,
                         "nodes0": nodes[:, 0], "nodes1": nodes[:, 1], "nodes2": nodes[:, 2],
                         "income": income})


def set_prices(products, agents, truth, holdings):
    """Equilibrium prices and shares, into the columns `prices` and `shares`."""
    firms, costs, xi = (products[name].to_numpy() for name in ("firm_ids", "costs", "xi"))
    prices, shares = np.empty((2, len(products)))
    for block in stacks(products, agents):
        delta, mu, alpha = utilities(block, xi[block.index], truth)          # at a price of zero
        c, H = costs[block.index], ownership_matrix(firms[block.index], holdings)
        found = equilibrium_prices(delta, mu, alpha, block.weights, 0 * c, c, H)
        failed = block.markets[~(found.residual <= 1e-10)]
        if len(failed):
            raise InputError(f"simulate: no equilibrium prices in market(s) {listing(failed)}: "
                             "some consumer there likes high prices (a positive price "
                             "coefficient). Take another seed, a smaller pi, or a more negative "
                             "mean.")
        prices[block.index] = found.prices
        mu = mu + alpha * found.prices[..., None]               # at the prices found
        shares[block.index] = market_shares(delta, mu, block.weights)
    products["prices"], products["shares"] = prices, shares


def stacks(products, agents):
    """Blocks of markets whose X2 is `0 + prices + x + group` (`FORMULAS`) at a price of zero."""
    X2 = products.assign(prices=0.0)[["prices", "x", "group"]].to_numpy(float)
    tastes = agents[["nodes0", "nodes1", "nodes2", "income"]].to_numpy()
    return make_blocks(products["market_ids"].to_numpy(), np.ones(len(products)), X2,
                       agents["market_ids"].to_numpy(), tastes, agents["weights"].to_numpy())


def utilities(block, xi, truth):
    """delta (B, J), mu and alpha (B, J, I) of a block at a price of zero."""
    beta = np.array(truth.beta)                                 # (4,)
    Gamma = np.hstack([truth.sigma_matrix, truth.pi_matrix])    # (3, 4)
    constant = np.ones((*xi.shape, 1))
    X1 = np.concatenate([constant, block.X2], -1)               # 1 + prices + x + group
    dX1, dX2 = np.eye(4)[[1]], np.eye(3)[[0]]                   # where price stands in X1 and X2
    alpha = price_coefficients(dX1, beta, dX2, Gamma, block.tastes)          # (B, 1, I)
    mu = taste_deviations(block.X2, block.tastes, Gamma)        # (B, J, I)
    return mean_utility(X1, beta, xi), mu, np.broadcast_to(alpha, mu.shape)


def add_instruments(products, agents):
    """Columns `demand_instruments0`, ...: excluded from utility.

    They are correlated with prices, or with how close rivals are.
    """
    shifters = products[["w0", "w1"]]
    by_income = shifters.mul(mean_income(products, agents), axis=0)
    rivals = blp_instruments(products, "0 + x + group").filter(like="rivals")
    groups = products.assign(market_ids=products.groupby(["market_ids", "group"]).ngroup())
    size = groups.groupby("market_ids")["x"].transform("size")
    columns = [shifters, by_income, rivals, crowding(products), size, crowding(groups)]
    add_varying(products, "demand_instruments", np.column_stack(columns))


def mean_income(products, agents):
    """Mean income (N,) of each product's market."""
    return agents.groupby("market_ids")["income"].mean().to_numpy()[products["market_ids"]]


def crowding(products):
    """Sum (N,) of squared differences in x to all other products of the market."""
    return differentiation_instruments(products, "0 + x", version="quadratic").sum(axis=1)


def add_supply_instruments(products, agents):
    """Columns `supply_instruments0`, ...: excluded from costs, and correlated with margins."""
    others = blp_instruments(products, "1 + x + group")
    others = others.drop(columns="own(1)")                      # the two counts add up to J - 1
    others["income"] = mean_income(products, agents)
    add_varying(products, "supply_instruments", others.to_numpy())


def add_varying(products, name, columns):
    """Numbered columns, without those that never vary, as sums over a monopolist's rivals."""
    for k in np.flatnonzero((columns != columns[:1]).any(0)):
        products[f"{name}{k}"] = columns[:, k]

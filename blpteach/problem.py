"""From tables to arrays: `Problem` checks the data, evaluates formulas, absorbs fixed effects and stacks markets.

Everything that is estimated lives in the step modules; here is what they are given.
"""
import re

import numpy as np
import pandas as pd

from . import validation as check
from .blocks import make_blocks
from .errors import InputError, listing
from .estimates import Estimates
from .formula import design
from .gmm import absorb_effects, moment_covariance
from .integration import Rule
from .outer_loop import Theta2, gauss_newton, gmm_steps, minimize_by, random_starts, stay
from .progress import Progress

KINDS = ("robust", "clustered", "unadjusted")
MINIMIZERS = ("bfgs", "l-bfgs-b", "nelder-mead", "powell", "cg", "newton-cg", "tnc", "cobyla", "cobyqa", "slsqp", "trust-constr")


class Problem:
    """A demand model and its data, ready to be estimated.

    Parameters
    ----------
    products : DataFrame
        A row for each product and market: `market_ids`, `shares` (fractions of the market size), `prices`, what the formulas
        name, instruments, and for Step 5 `firm_ids`.
    agents : DataFrame, optional
        A row for each consumer type and market: `market_ids`, `weights`, `nodes0`, `nodes1`, ..., demographics.
    linear : str
        Formula of the characteristics with mean tastes, X1.
    random : str, optional
        Formula of the characteristics with random coefficients, X2. Without it the model is the logit.
    demographics : str, optional
        Formula, on agents, of the observed tastes. Start with `0 +`.
    absorb : str or list of str, optional
        Columns of fixed effects, absorbed from X1 and the instruments.
    instruments : list of str, optional
        Columns excluded from X1; by default all `demand_instruments*`. Columns of X1 without price are added.
    integration : rule, optional
        `gauss_hermite(5)`, `halton(200, seed=0)`, ...: nodes instead of those in agents. With demographics a draw rule gives
        each row of agents a draw of its own, and the rule's size is of no account.
    clusters : str, optional
        Column of cluster ids; then weights and standard errors are clustered unless said otherwise.

    Attributes
    ----------
    N, T, K1, K2, L, D, M : int
        Products in all markets, markets, linear and random characteristics, node columns, demographics, moments.
    X1, Z : Design values (N, K1), (N, M)
        After absorption. The names are `X1_names`, `X2_names`, `Z_names`, `node_names`, `demographic_names`.
    blocks : list of Block
        Markets stacked by their number of products.

    Raises
    ------
    InputError
        For data that can't be right. The message names the column, the markets and the remedy.

    Examples
    --------
    >>> import blpteach
    >>> products, _ = blpteach.load_cereal()
    >>> logit = blpteach.Problem(products, linear="0 + prices", absorb="product_ids")
    >>> logit.estimate().beta.round(3)
    array([-30.098])
    """

    def __init__(self, products, agents=None, *, linear, random=None, demographics=None, absorb=None, instruments=None,
                 integration=None, clusters=None):
        check.check_products(products)
        self.products = products = products.copy()              # what happens to the table later is of no account
        self.market_ids = products["market_ids"]
        self.markets, self.market_labels = pd.factorize(self.market_ids)     # (N,), (T,)
        self.shares = products["shares"].to_numpy(float)
        self.prices = products["prices"].to_numpy(float)
        check.check_shares(products["shares"], self.market_ids)
        self.N, self.T = len(products), len(self.market_labels)
        self.formulas = {"linear": linear, "random": random, "demographics": demographics, "absorb": absorb}
        self._read_characteristics(linear, random)
        self._read_instruments(instruments)
        self._absorb(absorb)
        self._read_clusters(clusters)
        self._read_agents(agents, demographics, integration)
        self.blocks = make_blocks(self.markets, self.shares, self.X2.values, self.agent_markets, self.tastes, self.weights)

    # Reading tables --------------------------------------------------------------------------------------------------------

    def _read_characteristics(self, linear, random):
        if linear is None:
            raise InputError("linear is missing: give the formula of the mean tastes, such as '1 + prices + sugar'.")
        self.linear = design(linear, self.products, "linear", self.market_ids)
        self.X2 = design(random, self.products, "random", self.market_ids)
        self.X1_names, self.X2_names = self.linear.names, self.X2.names
        self.K1, self.K2 = len(self.X1_names), len(self.X2_names)
        if self.K1 == 0:
            raise InputError(f"linear={linear!r} has no columns. Give at least one mean taste.")

    def _read_instruments(self, instruments):
        endogenous = [name for name, moves in zip(self.X1_names, self.linear.endogenous) if moves]
        endogenous += [f"random coefficients on {name}" for name in self.X2_names]
        self.excluded_names = check.check_instruments(self.products, instruments, endogenous)
        exogenous = ~self.linear.endogenous
        self.Z_names = self.excluded_names + [name for name, keep in zip(self.X1_names, exogenous) if keep]
        excluded = self.products[self.excluded_names].to_numpy(float)
        self.Z = np.column_stack([excluded, self.linear.values[:, exogenous]])
        self.M = len(self.Z_names)

    def _absorb(self, absorb):
        self.X1 = self.linear.values
        columns = [absorb] if isinstance(absorb, str) else list(absorb or [])
        for name in columns:
            if name not in self.products:
                raise InputError(f"absorb: products has no column `{name}`. {check.suggestion(name, self.products)}")
            check.check_complete(self.products, name, self.market_ids)
        if columns:
            effects = np.column_stack([pd.factorize(self.products[name])[0] for name in columns])
            X1, Z = self.X1, self.Z
            self.X1, self.Z = absorb_effects(X1, effects), absorb_effects(Z, effects)
            check.check_not_absorbed(X1, self.X1, self.X1_names, "linear")
            check.check_not_absorbed(Z, self.Z, self.Z_names, "instruments")
            self._effects = effects
        else:
            self._effects = None
        check.check_not_collinear(self.X1, self.X1_names, "linear")
        check.check_not_collinear(self.Z, self.Z_names, "instruments (with the exogenous columns of linear)")

    def _read_clusters(self, clusters):
        self.clusters = None
        if clusters is not None:
            if clusters not in self.products:
                raise InputError(f"clusters: products has no column `{clusters}`. {check.suggestion(clusters, self.products)}")
            check.check_complete(self.products, clusters, self.market_ids)
            self.clusters = pd.factorize(self.products[clusters])[0]

    def _read_agents(self, agents, demographics, integration):
        if not self.K2:
            return self._read_logit_agents(agents, demographics, integration)
        if integration is not None and not isinstance(integration, Rule):
            raise InputError(f"integration must be a rule such as blpteach.halton(200, seed=0), not {integration!r}.")
        if integration is not None and demographics is None:
            return self._draw_agents(integration)
        if agents is None:
            raise InputError("random coefficients need consumer types: give agents (a table with nodes0, nodes1, ... and weights) or "
                             "integration=blpteach.halton(200, seed=0)." +
                             (" Demographics are columns of agents." if demographics else ""))
        self._read_agents_table(agents, demographics, integration)

    def _read_agents_table(self, agents, demographics, integration):
        nodes = node_columns(agents) if integration is None else []
        equal = integration is not None and "weights" not in getattr(agents, "columns", ())      # draws without weights count alike
        check.check_agents(agents, pd.Series(self.market_labels), nodes if equal else [*nodes, "weights"])
        self.agents = agents = agents[agents["market_ids"].isin(self.market_labels)]
        ids = agents["market_ids"]
        self.agent_markets = pd.Index(self.market_labels).get_indexer(ids)
        y = design(demographics, agents, "demographics", ids)
        if not nodes and not y.names:
            raise InputError("agents has neither nodes0, nodes1, ... nor demographics: nothing makes consumers differ.")
        values = agents[nodes].to_numpy(float)
        if integration is not None:
            nodes, values = self._draw_for_each_agent(integration, len(agents))
        weights = pd.Series(1.0, agents.index) / ids.map(ids.value_counts()) if equal else agents["weights"].astype(float)
        check.check_weights(weights, ids, self.products["shares"], self.market_ids)
        self._set_tastes(values, nodes, y.values, y.names, weights.to_numpy())

    def _read_logit_agents(self, agents, demographics, integration):
        if demographics is not None or integration is not None:
            raise InputError("demographics and integration need random=...: the characteristics for which tastes differ.")
        if agents is not None:
            raise InputError("agents are given, but no characteristic has a random coefficient: give random=..., or leave agents out.")
        self.agents, self.agent_markets = None, np.arange(self.T)
        self._set_tastes(np.empty((self.T, 0)), [], np.empty((self.T, 0)), [], np.ones(self.T))

    def _draw_agents(self, integration):
        nodes, weights = integration.nodes_and_weights(self.T, self.K2)
        I = weights.shape[1]
        self.agents, self.agent_markets = None, np.repeat(np.arange(self.T), I)
        names = [f"nodes{k}" for k in range(self.K2)]
        self._set_tastes(nodes.reshape(-1, self.K2), names, np.empty((self.T * I, 0)), [], weights.ravel())

    def _draw_for_each_agent(self, integration, count):
        if integration.is_product:
            raise InputError("integration: a product rule can't be combined with demographics. Its nodes come with weights of their own and "
                             "would have to be crossed with every row of agents. Use a draw rule, such as blpteach.halton(1, seed=0), which "
                             "gives each row its own draw, or put nodes into agents.")
        return [f"nodes{k}" for k in range(self.K2)], integration.draws(count, self.K2)

    def _set_tastes(self, nodes, node_names, demographics, demographic_names, weights):
        self.node_names, self.demographic_names = list(node_names), list(demographic_names)
        self.L, self.D = len(self.node_names), len(self.demographic_names)
        self.tastes = np.column_stack([nodes, demographics])    # (A, L + D)
        self.weights = weights

    # Estimating ------------------------------------------------------------------------------------------------------------

    def estimate(self, sigma=None, pi=None, *, steps=1, weighting=None, errors=None, center=True, method="gauss-newton", options=None,
                 starts=0, seed=0, progress=None):
        """Search for the parameters.

        Parameters
        ----------
        sigma : array (K2, L), or (K2,) for a diagonal
            Starting values. Zeros are fixed at zero. Lower-triangular where L = K2.
        pi : array (K2, D), optional
            Starting values; zeros are fixed at zero.
        steps : 1 or 2
            Two-step GMM searches again with the efficient weighting matrix.
        weighting, errors : str, optional
            `"robust"`, `"clustered"` or `"unadjusted"`, for the second step's weights and for standard errors. By default robust, or
            clustered where the problem has clusters.
        center : bool
            Whether moments are centred in S.
        method : str
            `"gauss-newton"`, or a method of `scipy.optimize.minimize`, for comparison.
        options : dict, optional
            For the search.
        starts : int
            More starting values, drawn around the given ones (each parameter between -1 and 2 times its value) with `seed`.
        progress : bool, optional
            Show evaluations, objective, gradient norm and time left; by default once the search takes more than two seconds.

        Returns
        -------
        Estimates
        """
        if method != "gauss-newton" and str(method).lower() not in MINIMIZERS:
            raise InputError(f"method={method!r}: choose 'gauss-newton' or a method of scipy.optimize.minimize: {listing(MINIMIZERS, 20)}.")
        if starts < 0 or int(starts) != starts:
            raise InputError(f"starts={starts!r}: how many more starting values is a whole number, not negative.")
        search = gauss_newton if method == "gauss-newton" else minimize_by(method)
        return self._fit(sigma, pi, steps, weighting, errors, center, search, options, starts, seed, Progress(progress))

    def evaluate(self, sigma=None, pi=None, *, steps=1, weighting=None, errors=None, center=True):
        """What `estimate` computes, at given nonlinear parameters and without a search.

        Parameters
        ----------
        sigma, pi, steps, weighting, errors, center
            As in `estimate`.

        Returns
        -------
        Estimates
            With the objective, gradient, delta, xi and beta at this theta2.
        """
        return self._fit(sigma, pi, steps, weighting, errors, center, stay, None, 0, 0, Progress(False))

    def _fit(self, sigma, pi, steps, weighting, errors, center, search, options, starts, seed, progress):
        free = self.theta2(sigma, pi)
        if search is not stay and self.K2 and not len(free.rows):
            raise InputError("Step 4: sigma and pi are zero everywhere, and zeros in the starting values are fixed at zero, so there is nothing "
                             "to search. Give starting values that are not zero, such as sigma=[0.5, ...], or leave out random for a logit.")
        weighting, errors = self._kind(weighting, "weighting"), self._kind(errors, "errors")
        if steps not in (1, 2):
            raise InputError(f"steps must be 1 or 2, not {steps!r}.")
        check.check_order_condition(self.M, self.K1, len(free.rows), self.Z_names, self.X1_names + self.theta2_names(free))

        def covariance(xi, kind):
            return moment_covariance(self.Z, self.demean(xi), kind, self.clusters, center)
        extra = random_starts(free, starts, seed) if starts else ()
        fit = gmm_steps(self.X1, self.Z, self.blocks, free, steps, lambda xi: covariance(xi, weighting), extra, search, options, progress)
        return Estimates(self, free, fit, errors, covariance, searched=search is not stay)

    def theta2(self, sigma=None, pi=None):
        """Starting values as `Theta2`: the free elements in PyBLP's order, sigma by rows and then pi by rows."""
        if not self.K2 and (sigma is not None or pi is not None):
            raise InputError("sigma and pi need random=...: the characteristics for which tastes differ.")
        sigma = check.parameter_matrix(sigma, self.X2_names, self.node_names, "sigma", lower=True)
        pi = check.parameter_matrix(pi, self.X2_names, self.demographic_names, "pi")
        rows, columns = np.nonzero(sigma)
        pi_rows, pi_columns = np.nonzero(pi)
        return Theta2(np.hstack([sigma, pi]), np.r_[rows, pi_rows], np.r_[columns, pi_columns + self.L])

    def theta2_names(self, free):
        """Names of the free elements, such as `sigma[prices, nodes1]` and `pi[prices, income]`."""
        tastes = self.node_names + self.demographic_names
        return [f"{'sigma' if column < self.L else 'pi'}[{self.X2_names[row]}, {tastes[column]}]"
                for row, column in zip(free.rows, free.columns)]

    def demean(self, xi):
        """xi (N,) after absorption of the fixed effects."""
        return xi if self._effects is None else absorb_effects(xi[:, None], self._effects)[:, 0]

    def _kind(self, kind, argument):
        if kind is None:
            return "robust" if self.clusters is None else "clustered"
        if kind not in KINDS:
            raise InputError(f"{argument}={kind!r}: choose one of {listing(KINDS)}.")
        if kind == "clustered" and self.clusters is None:
            raise InputError(f"{argument}='clustered' needs clusters='column' in Problem: the column of products with the cluster ids.")
        return kind

    @property
    def prices_matter(self):
        """Whether utility moves with price."""
        return bool(self.linear.price_slope.any() or self.X2.price_slope.any())

    def __repr__(self):
        agents = "" if not self.K2 else f", {len(self.tastes) / self.T:.4g} consumer types a market"
        lines = [f"Problem: {self.N} products in {self.T} markets{agents}",
                 f"  linear        {', '.join(self.X1_names)}" + (f"   (absorbed: {self.formulas['absorb']})" if self._effects is not None else "")]
        if self.K2:
            lines.append(f"  random        {', '.join(self.X2_names)}   (nodes: {self.L})")
        if self.D:
            lines.append(f"  demographics  {', '.join(self.demographic_names)}")
        lines.append(f"  moments       {self.M}: {listing(self.Z_names, 4)}")
        return "\n".join(lines)


def node_columns(agents):
    """Names of the columns nodes0, nodes1, ...; none where agents is no table, which is refused later."""
    return [name for name in getattr(agents, "columns", ()) if re.fullmatch(r"nodes\d+", str(name))]

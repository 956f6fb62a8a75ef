"""From tables to arrays.

`Problem` checks the data, evaluates formulas, absorbs fixed effects and stacks markets. Everything
that is estimated lives in the step modules; here is what they are given.
"""
from copy import copy
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
import pandas as pd

from .tables import validation as check
from .corners import random_starts, search_within
from .tables.agents import read_consumers
from .tables.blocks import make_blocks
from .tables.columns import plain
from .errors import InputError, listing
from .equations import Equations
from .estimates import Estimates
from .tables.formula import design, mentions
from .gmm import KINDS, absorb_effects
from .lognormal import Lognormal
from .outer_loop import (gauss_newton, gauss_newton_while_quick, gmm_steps, minimize_by,
                         quasi_newton, solve_delta, stay)
from .parameters import Free
from .post_estimation import ownership_matrix
from .progress import Progress
from .supply import CostModel, Pricing, solve_demand_and_supply

SEARCHES = {"gauss-newton": gauss_newton, "quasi-newton": quasi_newton}
MINIMIZERS = ("bfgs", "l-bfgs-b", "nelder-mead", "powell", "cg", "newton-cg", "tnc", "cobyla",
              "cobyqa", "slsqp", "trust-constr")


class Problem:
    """A demand model and its data, ready to be estimated.

    Parameters
    ----------
    products : DataFrame
        A row for each product and market: `market_ids`, `shares` (fractions of the market size),
        `prices`, what the formulas name, and instruments; `firm_ids` for a supply side, for
        `holdings` by pairs, and for the margins and mergers of Step 5. With `product_ids` no
        product may stand in a market twice; without, no row may be a copy of another.
    agents : DataFrame, optional
        A row for each consumer type and market: `market_ids`, `weights`, `nodes0`, `nodes1`, ...,
        demographics. Weights are fractions of the market's population and sum to one. Other sums,
        as of importance-sampling weights, draw a warning; weights that count people, such as one
        for every type, are refused.
    linear : str
        Formula of the characteristics with mean tastes, X1.
    random : str, optional
        Formula of the characteristics with random coefficients, X2. Without it the model is the
        logit.
    demographics : str, optional
        Formula, on agents, of the observed tastes. Start with `0 +`.
    absorb : str or list of str, optional
        Columns of fixed effects, absorbed from X1 and the demand instruments. X3 and the supply
        instruments stay as they are.
    instruments : list of str, optional
        Columns excluded from X1; by default all `demand_instruments*`. Columns of X1 without price
        are added.
    integration : rule, optional
        `gauss_hermite(5)`, `halton(200, seed=0)`, ...: nodes instead of those in agents. Without
        demographics agents are not used at all. With demographics a draw rule gives each row of
        agents a draw of its own, and the rule's size is of no account.
    supply : str, optional
        Formula of the characteristics of marginal costs, X3. Demand and supply are then estimated
        together; prices are Bertrand-Nash unless `holdings` says otherwise.
    log_costs : bool
        Whether log marginal costs, instead of marginal costs, are linear in X3.
    cost_bounds : (float or None, float or None), optional
        Marginal costs outside are set to the bound, and the estimates say how many were. Without
        bounds, parameters at which a cost has no logarithm are not acceptable.
    supply_instruments : list of str, optional
        Columns excluded from X3; by default all `supply_instruments*`. The columns of X3 are added.
    coefficients : dict, optional
        Distributions of random coefficients other than normal, by column of `random`:
        `{"prices": "-lognormal"}` makes the coefficient of prices `-exp(...)`, never positive;
        `"lognormal"` makes one that is never negative. Its location is the coefficient of a
        constant among the demographics (`demographics="1 + ..."`), and zero without one. Leave the
        column out of `linear`: there it would add its beta to the lognormal, and the sum may have
        either sign.
    holdings : float or dict, optional
        Weight that a firm puts on other firms' profits, as in `ownership_matrix`: 0, the default,
        is Bertrand-Nash, 1 joint monopoly; `{(1, 2): 0.3}` for single pairs. It counts in
        estimation with supply and in Step 5.
    clusters : str, optional
        Column of cluster ids; then weights and standard errors are clustered unless said otherwise.

    Attributes
    ----------
    N, T, K1, K2, K3, L, D, M : int
        Products in all markets, markets, linear, random and cost characteristics, node columns,
        demographics, moments of demand.
    products : DataFrame (N rows)
        A copy of the table.
    shares, prices : arrays (N,)
    markets : int array (N,)
        Number of each product's market among the T of `market_labels`.
    X1, X2, Z : arrays (N, K1), (N, K2), (N, M)
        X1 and Z after absorption. The names are `X1_names`, `X2_names`, `Z_names`, `node_names`,
        `demographic_names`.
    tastes, weights : arrays (A, L + D), (A,)
        Nodes and demographics of the A consumer types of all markets, those of market
        `agent_markets` (A,).
    effects : int array (N, E) or None
        Codes of the E sets of absorbed fixed effects.
    clusters : int array (N,) or None
    linear, random : Design
        X1 before absorption and X2, with their derivatives in price.
    X3_names, ZS_names : lists of str
        Names of cost characteristics and of supply instruments; empty without a supply side.
    firm_ids : array (N,) or None
    blocks : list of Block
        Markets stacked by their number of products.
    equations : Equations
        Regressors and instruments of the linear equations.
    cost_model : supply.CostModel or None
        X3, ZS, and how costs depend on X3; None without a supply side.
    pricing : supply.Pricing or None
        How prices enter utility, and who sets them; None without a supply side.
    holdings : float or dict
        As given.
    arguments : dict
        All arguments but `products`, as given or as `with_instruments` has changed them.

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

    def __init__(self, products, agents=None, *, linear, random=None, demographics=None,
                 absorb=None, instruments=None, integration=None, supply=None, log_costs=False,
                 cost_bounds=None, supply_instruments=None, coefficients=None, holdings=0.0,
                 clusters=None):
        self.arguments = {"agents": agents, "linear": linear, "random": random,
                          "demographics": demographics, "absorb": absorb,
                          "instruments": instruments, "integration": integration,
                          "supply": supply, "log_costs": log_costs, "cost_bounds": cost_bounds,
                          "supply_instruments": supply_instruments, "coefficients": coefficients,
                          "holdings": holdings, "clusters": clusters}
        check.check_products(products)
        self.products = products = plain(products).copy()       # the reader's table may change
        self.market_ids = products["market_ids"]
        self.markets, self.market_labels = pd.factorize(self.market_ids)     # (N,), (T,)
        self.shares = products["shares"].to_numpy(float)
        self.prices = products["prices"].to_numpy(float)
        self.firm_ids = products["firm_ids"].to_numpy() if "firm_ids" in products else None
        check.check_shares(products["shares"], self.market_ids)
        self.N, self.T = len(products), len(self.market_labels)
        self.holdings = check.holdings(holdings, products)
        self._read_characteristics(linear, random)
        self.lognormal = Lognormal(*check.lognormal(coefficients, self.X2_names))
        self._read_instruments(instruments)
        self._absorb(absorb)
        self._read_clusters(clusters)
        self._read_agents(agents, demographics, integration)
        self.blocks = make_blocks(self.markets, self.shares, self.X2, self.agent_markets,
                                  self.tastes, self.weights)
        self._read_supply(supply, log_costs, cost_bounds, supply_instruments)
        self.equations = self._linear_equations()

    # Reading tables -------------------------------------------------------------------------------

    def _read_characteristics(self, linear, random):
        if linear is None:
            raise InputError("linear is missing: give the formula of the mean tastes, such as "
                             "'1 + prices + sugar'.")
        self.linear = design(linear, self.products, "linear", self.market_ids)
        self.random = design(random, self.products, "random", self.market_ids)
        self.X1_names, self.X2_names = self.linear.names, self.random.names
        self.X2 = self.random.values                            # (N, K2)
        self.K1, self.K2 = len(self.X1_names), len(self.X2_names)
        if self.K1 == 0:
            raise InputError(f"linear={linear!r} has no columns. Give at least one mean taste.")

    def _read_instruments(self, instruments):
        endogenous = [name for name, moves in zip(self.X1_names, self.linear.endogenous) if moves]
        endogenous += [f"random coefficients on {name}" for name in self.X2_names]
        self.excluded_names = check.check_instruments(self.products, instruments, endogenous)
        exogenous = ~self.linear.endogenous
        included = [name for name, keep in zip(self.X1_names, exogenous) if keep]
        self.Z_names = self.excluded_names + included
        excluded = self.products[self.excluded_names].to_numpy(float)
        self.Z = np.column_stack([excluded, self.linear.values[:, exogenous]])
        self.M = len(self.Z_names)

    def _absorb(self, absorb):
        self.X1, self.effects = self.linear.values, None
        columns = check.absorbed_columns(absorb, self.products)
        if columns:
            effects = np.column_stack([pd.factorize(self.products[name])[0] for name in columns])
            X1, Z = self.X1, self.Z
            self.X1, self.Z = absorb_effects(X1, effects), absorb_effects(Z, effects)
            check.check_not_absorbed(X1, self.X1, self.X1_names, "linear")
            check.check_not_absorbed(Z, self.Z, self.Z_names, "instruments")
            self.effects = effects                              # (N, E)  codes of E sets
        check.check_not_collinear(self.X1, self.X1_names, "linear")
        check.check_not_collinear(self.Z, self.Z_names,
                                  "instruments (with the exogenous columns of linear)")

    def _read_supply(self, supply, log_costs, cost_bounds, supply_instruments):
        self.cost_model, self.pricing = None, None
        self.X3_names, self.ZS_names, self.K3 = [], [], 0
        if supply is None:
            return check.check_no_supply(log_costs, cost_bounds, supply_instruments)
        check.check_firms(self.products, self.market_ids)
        X3 = design(supply, self.products, "supply", self.market_ids)
        check.check_supply(X3, supply, self.prices_matter)
        excluded = check.check_instruments(self.products, supply_instruments, X3.names,
                                           "supply_instruments")
        self.X3_names, self.ZS_names, self.K3 = X3.names, excluded + X3.names, len(X3.names)
        ZS = np.column_stack([self.products[excluded].to_numpy(float), X3.values])
        check.check_not_collinear(X3.values, X3.names, "supply")
        check.check_not_collinear(ZS, self.ZS_names,
                                  "supply_instruments (with the columns of supply)")
        bounds = check.cost_bounds(cost_bounds, log_costs)
        self.cost_model = CostModel(X3.values, ZS, bool(log_costs), bounds)
        owners = [ownership_matrix(self.firm_ids[block.index], self.holdings)
                  for block in self.blocks]
        self.pricing = Pricing(self.prices, self.linear.values, self.linear.price_slope,
                               self.random.price_slope, owners)

    def _linear_equations(self):
        """Step 3's equations. With supply, coefficients of price are not concentrated out."""
        if self.cost_model is None:
            return Equations([self.X1], [self.Z])
        X1 = self.X1[:, ~self.linear.moves_with_price]          # the others' beta is searched
        return Equations([X1, self.cost_model.X3], [self.Z, self.cost_model.ZS])

    def _read_clusters(self, clusters):
        self.clusters = None
        if clusters is not None:
            check.check_clusters(clusters, self.products)
            self.clusters = pd.factorize(self.products[clusters])[0]

    def _read_agents(self, agents, demographics, integration):
        consumers = read_consumers(agents, demographics, integration, self.K2, self.products,
                                   self.market_labels)
        self.agents, self.agent_markets = consumers.table, consumers.markets
        self.tastes, self.weights = consumers.tastes, consumers.weights      # (A, L + D), (A,)
        self.node_names, self.demographic_names = consumers.node_names, consumers.demographic_names
        self.L, self.D = len(self.node_names), len(self.demographic_names)

    # Estimating -----------------------------------------------------------------------------------

    def estimate(self, sigma=None, pi=None, *, beta=None, sigma_bounds=None, steps=1,
                 initial_update=False, weighting=None, errors=None, center=True, method=None,
                 options=None, starts=0, seed=0, progress=None):
        """Search for the parameters.

        Parameters
        ----------
        sigma : array (K2, L), or (K2,) for a diagonal
            Starting values. Zeros are fixed at zero. Lower-triangular where L = K2. A Series or
            DataFrame is taken by its labels.
        pi : array (K2, D), optional
            Starting values; zeros are fixed at zero.
        beta : dict, optional
            Starting values of linear parameters that must be searched, by column: with a supply
            side those of columns of `linear` with prices, as in `{"prices": -2.0}`.
        sigma_bounds : (low, high), optional
            Two numbers, or None for no bound, which hold for the first free element of each column
            of sigma, the standard deviation of a diagonal sigma: `(0, None)`. Or two arrays
            (K2, L), infinite where there is no bound. By default sigma is free. In expectation its
            sign is immaterial; with given nodes it is part of the estimate.
        steps : 1 or 2
            Two-step GMM searches again with the efficient weighting matrix.
        initial_update : bool
            Whether the first step already has efficient weights, from the unobservables at the
            starting values.
        weighting, errors : str, optional
            `"robust"`, `"clustered"` or `"unadjusted"`, for the second step's weights and for
            standard errors. By default robust, or clustered where the problem has clusters.
            Standard errors are the sandwich (3.9) of the weights that were used and of this kind of
            covariance, also where the two are of different kinds.
        center : bool
            Whether moments are centred in S. It has no effect on `"unadjusted"`.
        method : str, optional
            By default Gauss-Newton, and BFGS from its curvature where that is slow or there is a
            supply side. `"gauss-newton"` and `"quasi-newton"` are these two alone; or a method of
            `scipy.optimize.minimize`, for comparison.
        options : dict, optional
            For the search.
        starts : int
            More starting values, drawn around the given ones with `seed`: sigma of either sign,
            what multiplies price of its own (see `corners.random_starts`). The lowest minimum wins;
            `minima` of the estimates has them all.
        seed : int
        progress : bool, optional
            Show evaluations, objective, gradient norm and time left; by default once the search
            takes more than two seconds.

        Returns
        -------
        Estimates

        Raises
        ------
        InputError
            For starting values of the wrong shape, not finite, or above sigma's diagonal; where
            sigma and pi are zero everywhere though `random` is given, so that nothing is left to
            search; for a searched linear parameter without a starting value, or one for a parameter
            that is not searched; for an unknown `method`, `steps`, `weighting`, `errors` or
            `starts`; for `"clustered"` without clusters; for fewer moments than parameters; for
            bounds that are none; where efficient weights are asked for at values at which shares
            can't be inverted; and, with log costs and no lower bound, where a cost at the starting
            values has no logarithm. A search that fails raises nothing: see `converged` and
            `verdict`.
        """
        first, then = self.searches(method, options)
        check.starts(starts)
        free = self.free(sigma, pi, beta, sigma_bounds)
        if self.K2 and not len(free.rows):
            raise InputError("Step 4: sigma and pi are zero everywhere, and zeros in the starting "
                             "values are fixed at zero, so there is nothing to search. Give "
                             "starting values that are not zero, such as sigma=[0.5, ...], or "
                             "leave out random for a logit.")
        check.check_order_condition(self.Z_names + self.ZS_names, self.X1_names + self.X3_names,
                                    free.names[:len(free.rows)])
        check.check_repeated_constant(self, self.X2, free.rows, free.columns, free.names)
        search = partial(search_within, free=free, first=first, then=then)
        candidates = [free.start, *random_starts(free, starts, seed)]
        return self._fit(free, candidates, search, steps, initial_update, weighting, errors,
                         center, Progress(progress))

    def evaluate(self, sigma=None, pi=None, *, beta=None, steps=1, initial_update=False,
                 weighting=None, errors=None, center=True):
        """What `estimate` computes, at given nonlinear parameters and without a search.

        Parameters
        ----------
        sigma, pi, beta, steps, initial_update, weighting, errors, center
            As in `estimate`. There may be fewer moments than parameters.

        Returns
        -------
        Estimates
            With the objective, gradient, delta, xi and beta at this theta2.

        Raises
        ------
        InputError
            As in `estimate`, but sigma and pi may be zero everywhere.
        """
        free = self.free(sigma, pi, beta)
        return self._fit(free, [free.start], stay, steps, initial_update, weighting, errors, center)

    def _fit(self, free, starts, search, steps, initial_update, weighting, errors, center,
             progress=None):
        weighting = self.kind_of_errors(weighting, "weighting")
        errors = self.kind_of_errors(errors, "errors")
        check.steps(steps)
        if weighting == "clustered" and (steps == 2 or initial_update):
            check.check_enough_clusters(self.clusters, self.M + len(self.ZS_names), center)
        solve, model = self.solver(free), self.cost_model
        if model is not None and model.log and model.bounds[0] is None:
            check.check_costs_at_start(solve(free.start), self.market_ids)
        covariance = partial(self.moment_covariance, kind=weighting, center=center)
        fit = gmm_steps(self.equations, solve, starts, search, steps, covariance, initial_update,
                        progress)
        return Estimates(self, free, fit, errors, center)

    def searches(self, method=None, options=None):
        """The quick search and the one that goes on, as in `corners.search_within`.

        Parameters
        ----------
        method, options
            As in `estimate`.

        Returns
        -------
        first, then : functions
            From an `Objective` and a start to theta2 (P,) and a message.

        Raises
        ------
        InputError
            For an unknown method.
        """
        name, options = None if method is None else str(method).lower(), options or {}
        if name is not None and name not in SEARCHES and name not in MINIMIZERS:
            raise InputError(f"method={method!r}: choose {listing(SEARCHES)} or a method of "
                             f"scipy.optimize.minimize: {listing(MINIMIZERS, 20)}.")
        if name is None and self.cost_model is None and not options:
            return gauss_newton_while_quick, quasi_newton
        if name is None:
            search = partial(self.default_search, **options)
        else:
            search = partial(SEARCHES[name] if name in SEARCHES else minimize_by(method), **options)
        return search, search

    @property
    def default_search(self):
        """Gauss-Newton; with supply, where residuals are large, BFGS from its curvature at once."""
        return gauss_newton if self.cost_model is None else quasi_newton

    def moment_covariance(self, unobservables, kind, center):
        """S of the moments of all equations (3.7).

        Parameters
        ----------
        unobservables : array (N,), or (2 N,) with a supply side
            xi before absorption, then omega.
        kind, center
            As in `gmm.moment_covariance`; the clusters are the problem's.

        Returns
        -------
        array
            A row and a column for each moment, those of demand first.
        """
        xi, others = unobservables[:self.N], unobservables[self.N:]
        net = np.r_[self.demean(xi), others]
        return self.equations.moment_covariance(net, kind, self.clusters, center)

    def solver(self, free, blocks=None, prices=None, X1=None):
        """The function from theta2 (P,) to what the linear equations explain.

        That is delta, and with a supply side costs. Other blocks, and prices with their X1, are for
        other points than the data.

        Parameters
        ----------
        free : parameters.Free
        blocks : list of Block, optional
        prices : array (N,), optional
        X1 : array (N, K1), optional

        Returns
        -------
        function
        """
        blocks = self.blocks if blocks is None else blocks
        if self.cost_model is None:
            return partial(solve_delta, free=free, blocks=blocks, N=self.N,
                           lognormal=self.lognormal)
        pricing = self.pricing if prices is None else replace(self.pricing, prices=prices, X1=X1)
        return partial(solve_demand_and_supply, free=free, blocks=blocks, pricing=pricing,
                       model=self.cost_model, lognormal=self.lognormal)

    def free(self, sigma=None, pi=None, beta=None, sigma_bounds=None):
        """Which parameters are searched, and from where: `parameters.Free`, in PyBLP's order.

        Parameters
        ----------
        sigma, pi, beta, sigma_bounds
            As in `estimate`.

        Returns
        -------
        parameters.Free

        Examples
        --------
        >>> from blpteach.examples import EXAMPLES
        >>> problem, start = EXAMPLES["simulated"]()
        >>> problem.free(start["sigma"], start["pi"]).names
        ['sigma[x, nodes1]', 'sigma[group, nodes2]', 'pi[prices, income]']
        """
        if not self.K2 and (sigma is not None or pi is not None):
            raise InputError("sigma and pi need random=...: the characteristics for which tastes "
                             "differ.")
        sigma = check.parameter_matrix(sigma, self.X2_names, self.node_names, "sigma", lower=True)
        pi = check.parameter_matrix(pi, self.X2_names, self.demographic_names, "pi")
        (rows, columns), (pi_rows, pi_columns) = np.nonzero(sigma), np.nonzero(pi)
        joint, start = self.cost_model is not None, np.zeros(self.K1)
        searched = np.flatnonzero(self.linear.moves_with_price & joint)
        start[searched] = check.searched_beta(beta, self.X1_names, searched, joint)
        rows = np.concatenate([rows, pi_rows])
        columns = np.concatenate([columns, pi_columns + self.L])
        unit = np.concatenate([self.random.units[rows], self.linear.units[searched]])
        on_price = np.concatenate([self.random.moves_with_price[rows], searched >= 0])
        free = Free(np.hstack([sigma, pi]), rows, columns, self.L, start, searched,
                    self._theta2_names(rows, columns, searched), unit, on_price=on_price)
        free = replace(free, even=np.isin(free.nodes, np.flatnonzero(self.even_nodes)))
        check.price_coefficients(free, self.X1_names, self.random.moves_with_price)
        return replace(free, **check.sigma_bounds(sigma_bounds, free, sigma.shape))

    @cached_property
    def even_nodes(self):
        """Which columns of nodes (L,) lie symmetrically about zero in every market.

        Those of `gauss_hermite` do. Their odd moments are zero, alone and with every other taste.
        """
        def average(values):
            return np.bincount(self.agent_markets, self.weights * values, self.T)        # (T,)

        def is_even(column):
            node, others = self.tastes[:, column], np.delete(self.tastes, column, axis=1)
            odd = [average(node * other) for other in (np.ones_like(node), node**2, *others.T)]
            return bool(abs(np.array(odd)).max() <= 1e-9)
        return np.array([is_even(column) for column in range(self.L)], bool)

    def _theta2_names(self, rows, columns, searched):
        tastes = self.node_names + self.demographic_names
        names = [f"{'sigma' if column < self.L else 'pi'}[{self.X2_names[row]}, {tastes[column]}]"
                 for row, column in zip(rows, columns)]
        return names + [f"beta[{self.X1_names[k]}]" for k in searched]

    def demean(self, xi):
        """xi (N,) after absorption of the fixed effects."""
        return xi if self.effects is None else absorb_effects(xi[:, None], self.effects)[:, 0]

    def with_instruments(self, demand, supply=None):
        """The same problem with other excluded instruments.

        Parameters
        ----------
        demand, supply : DataFrames (N, M)
            A column for each instrument, a row for each product, with the index of the products
            table. Without `supply` the cost equation keeps its own.

        Returns
        -------
        Problem

        Raises
        ------
        InputError
            For what is no table of N rows; for a column that is not numeric, or has missing or
            infinite values; for instruments that are collinear with each other or with the
            exogenous characteristics of their equation, or that fixed effects absorb; for a name
            under which products has another column, unless that is an instrument of the equation
            and nothing else; and for `supply` where the problem has no supply side.
        """
        for name, table in (("demand", demand), ("supply", supply)):
            if table is None and name == "supply":
                continue
            if not (isinstance(table, pd.DataFrame) and table.index.equals(self.products.index)):
                raise InputError(f"with_instruments: {name} must be a DataFrame with the {self.N} "
                                 "rows of products, in their order and under their index, and a "
                                 "column for each instrument.")
        tables = [demand]
        if supply is not None:
            tables = [demand.add_suffix(" (demand)"), supply.add_suffix(" (supply)")]
        changed = {argument: list(table.columns)
                   for argument, table in zip(("instruments", "supply_instruments"), tables)}
        names = sum(changed.values(), [])                       # a second round replaces the first
        kept = self.products.drop(columns=names, errors="ignore")
        replaced = self._replaceable(changed)
        check.check_new_columns(pd.concat(tables, axis=1), self.products, replaced)
        other = copy(self)
        other.products = pd.concat([kept, *tables], axis=1)
        other.arguments = now = self.arguments | changed
        other._read_instruments(now["instruments"])
        other._absorb(now["absorb"])
        if supply is not None:
            other._read_supply(now["supply"], now["log_costs"], now["cost_bounds"],
                               now["supply_instruments"])
        other.equations = other._linear_equations()
        return other

    def _replaceable(self, arguments):
        """Instruments of the equations that get others, unless the model reads them elsewhere."""
        of_supply = [name for name in self.ZS_names if name not in self.X3_names]
        excluded = {"instruments": self.excluded_names, "supply_instruments": of_supply}
        replaced = [name for argument in arguments for name in excluded.pop(argument)]
        elsewhere = ["market_ids", "firm_ids", "prices", *sum(excluded.values(), [])]
        formulas = [str(self.arguments[n]) for n in ("linear", "random", "supply", "clusters")]
        return [name for name in replaced if name not in elsewhere
                and not any(mentions(formula, name) for formula in formulas)]

    def kind_of_errors(self, kind, argument):
        """The kind asked for, or by default clustered where the problem has clusters, else robust.

        Parameters
        ----------
        kind : str or None
            As `weighting` and `errors` in `estimate`.
        argument : str
            Which of the two it is, for error messages.

        Returns
        -------
        str

        Raises
        ------
        InputError
            For an unknown kind, and for `"clustered"` without clusters.
        """
        if kind is None:
            return "robust" if self.clusters is None else "clustered"
        if kind not in KINDS:
            raise InputError(f"{argument}={kind!r}: choose one of {listing(KINDS)}.")
        if kind == "clustered" and self.clusters is None:
            raise InputError(f"{argument}='clustered' needs clusters='column' in Problem: the "
                             "column of products with the cluster ids.")
        return kind

    @property
    def prices_matter(self):
        """Whether utility moves with price."""
        return bool(self.linear.moves_with_price.any() or self.random.moves_with_price.any())

    def __repr__(self):
        agents = "" if not self.K2 else f", {len(self.tastes) / self.T:.4g} consumer types a market"
        absorbed = "" if self.effects is None else f"   (absorbed: {self.arguments['absorb']})"
        lines = [f"Problem: {self.N} products in {self.T} markets{agents}",
                 f"  linear        {', '.join(self.X1_names)}{absorbed}"]
        if self.K2:
            lines.append(f"  random        {', '.join(self.X2_names)}   (nodes: {self.L})")
        if self.D:
            lines.append(f"  demographics  {', '.join(self.demographic_names)}")
        lines.append(f"  moments       {self.M}: {listing(self.Z_names, 4)}")
        if self.cost_model is not None:
            costs = "log costs" if self.cost_model.log else "costs"
            lines.append(f"  {costs:<12}  {', '.join(self.X3_names)}")
            lines.append(f"  moments       {len(self.ZS_names)}: {listing(self.ZS_names, 4)}")
        return "\n".join(lines)

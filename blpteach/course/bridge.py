"""From here to PyBLP and to the paper behind it: one row for each object of the course.

Names of PyBLP are those of version 1.3; equations and sections are those of Conlon
and Gortmaker (2020), "Best practices for differentiated products demand estimation with PyBLP",
*RAND Journal of Economics* 51(4), 1108-1161.
"""
from dataclasses import dataclass

from .notation import Table, as_code, split_names


@dataclass(frozen=True)
class Crossing:
    """A row of the map.

    Parameters
    ----------
    what : str
        In words or LaTeX.
    equations : str
        Where this course has it: numbers of equations, or of a lesson.
    ours, theirs : str
        Names in code, separated by commas. `problem` is what `Problem(...)` returns,
        `results` what `estimate` and PyBLP's `solve` return.
    paper : str
        Equation or section of Conlon and Gortmaker (2020), or where else to look.
    """
    what: str
    equations: str
    ours: str
    theirs: str
    paper: str


MAP = tuple(Crossing(*row) for row in (
    (r"mean utility $\delta$", "(1.1)", "mean_utility",
     "results.delta, problem.products.X1", "(1), (4)"),
    (r"taste deviations $\mu$; $\Sigma$, $\Pi$", "(1.2)",
     "taste_deviations, results.sigma, results.pi",
     "problem.products.X2, results.sigma, results.pi", "section 2, demand"),
    (r"choice probabilities, shares", "(1.3), (1.5)",
     "choice_probabilities, market_shares, results.shares_at",
     "results.compute_probabilities, results.compute_shares", "(3)"),
    (r"integration: nodes $\nu_i$, weights $w_i$", "(1.5)",
     "gauss_hermite, halton, sobol, monte_carlo",
     "pyblp.Integration, pyblp.build_integration, problem.agents.nodes, problem.agents.weights",
     "(23), (24)"),
    (r"share inversion", "(2.1), (2.4), (2.6)", "invert_shares",
     "pyblp.Iteration, results.compute_delta", "(21); SQUAREM (22); its tolerance (18)"),
    (r"fixed effects", "(3.10)", "absorb_effects", "pyblp.Formulation", "(16)"),
    (r"IV-GMM for $\beta$", "(3.3)", "iv_gmm, concentrate, results.beta",
     "results.beta, problem.products.ZD", "(11), (A5)"),
    (r"moments $g$, objective $q$", "(3.1), (3.2)", "moments, gmm_objective, results.objective",
     "results.moments, results.objective", "(8), (13)"),
    (r"weighting matrix $W$", "(3.5), (3.6)", "weighting_2sls, weighting_matrix",
     "results.W, results.updated_W", "section 2, the estimator"),
    (r"standard errors", "(3.9)", "sandwich, results.beta_se, results.sigma_se",
     "results.beta_se, results.sigma_se, results.parameter_covariances",
     "see PyBLP's documentation, Background"),
    (r"gradient, $\partial\delta / \partial\theta_2$", "(2.7), (4.4)",
     "delta_jacobian, moment_jacobian",
     "results.gradient, results.xi_by_theta_jacobian", "appendix A, (A6)"),
    (r"the search over $\theta_2$", "(4.2), (4.5)", "problem.estimate, gauss_newton",
     "problem.solve, pyblp.Optimization", "section 2, algorithm 1; section 3, optimization"),
    (r"share Jacobian $D = \mathrm{diag}(\Lambda) - \mathit{Crossing}$", "(5.2)", "share_jacobian",
     "results.compute_demand_jacobians", r"(26), where Crossing is $\Gamma$"),
    (r"elasticities", "(5.3)",
     "elasticities, results.elasticities, results.own_elasticities, results.aggregate_elasticities",
     "results.compute_elasticities, results.extract_diagonals, "
     "results.compute_aggregate_elasticities", "from (26)"),
    (r"diversion ratios; second choices", "(5.4); exercise 5.6",
     "diversion_ratios, results.diversion_ratios",
     "results.compute_diversion_ratios, results.compute_long_run_diversion_ratios",
     "see Conlon and Mortimer (2021)"),
    (r"ownership $H$", "(5.5)", "ownership_matrix, results.hhi",
     "pyblp.build_ownership, problem.products.firm_ids, results.compute_hhi", "(6)"),
    (r"margins $\eta$, costs; Lerner indices, profits", "(5.6)",
     "margins, results.costs, results.markups, results.profits",
     "results.compute_costs, results.compute_markups, results.compute_profits", "(5)"),
    (r"new prices: the $\zeta$ map", "(5.7)", "equilibrium_prices, results.counterfactual",
     "results.compute_prices", "(25), (27)"),
    (r"consumer surplus", "(5.8)", "consumer_surplus, results.consumer_surplus",
     "results.compute_consumer_surpluses", "see Small and Rosen (1981)"),
    (r"later: nesting parameter $\rho$", "not here", "",
     "problem.products.nesting_ids, results.rho", "(14), (15)"),
    (r"instruments", "(7.1), (7.2), (7.5)",
     "blp_instruments, differentiation_instruments, results.optimal_instruments",
     "pyblp.build_blp_instruments, pyblp.build_differentiation_instruments, "
     "results.compute_optimal_instruments", "section 4; optimal instruments (31)"),
    (r"supply: costs $\tilde c = x_3'\gamma + \omega$", "(9.1), (9.2)",
     "problem.cost_model, results.gamma, results.omega",
     "problem.products.X3, results.gamma, results.tilde_costs", "(7), (9)"),
))


def bridge():
    """The map: what it is, our equation and name, PyBLP's name, and where Conlon and Gortmaker
    (2020) have it.

    Returns
    -------
    Table
        Rendered by a notebook; text elsewhere.

    Examples
    --------
    >>> "compute_diversion_ratios" in repr(bridge())
    True
    """
    return Table(["what", "our equation", "blpteach", "PyBLP", "Conlon and Gortmaker (2020)"],
                 [[row.what, row.equations, as_code(row.ours), as_code(row.theirs), row.paper]
                  for row in MAP])


def pyblp_names():
    """All of PyBLP's names in the map, such as ``"results.compute_prices"``.

    Returns
    -------
    list of str

    Examples
    --------
    >>> pyblp_names()[0]
    'results.delta'
    """
    return [name for row in MAP for name in split_names(row.theirs)]


def our_names():
    """All of this library's names in the map.

    Returns
    -------
    list of str

    Examples
    --------
    >>> our_names()[0]
    'mean_utility'
    """
    return [name for row in MAP for name in split_names(row.ours)]

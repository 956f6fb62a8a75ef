"""Consumers: from a table of agents, or from an integration rule, to tastes and weights."""
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from . import validation as check
from ..errors import InputError
from .columns import plain
from .formula import design
from .integration import Rule


@dataclass(frozen=True)
class Consumers:
    """A consumer types in all markets.

    Attributes
    ----------
    tastes : array (A, L + D)
        `[nodes, demographics]`.
    weights : array (A,)
    markets : int array (A,)
        Number of each type's market.
    node_names, demographic_names : lists of L and D strings
        Of the columns of `tastes`; those of a rule's nodes are nodes0, nodes1, ...
    table : DataFrame or None
        The rows of agents that are used.
    """
    tastes: np.ndarray
    weights: np.ndarray
    markets: np.ndarray
    node_names: list
    demographic_names: list
    table: pd.DataFrame = None


def read_consumers(agents, demographics, integration, K2, products, market_labels):
    """The consumers that `Problem`'s arguments of the same names describe.

    Parameters
    ----------
    agents : DataFrame or None
    demographics : str or None
    integration : Rule or None
    K2 : int
        Random coefficients; 0 makes one type a market, the logit's.
    products : DataFrame
    market_labels : array (T,)

    Returns
    -------
    Consumers
    """
    if not K2:
        return one_type(agents, demographics, integration, len(market_labels))
    if integration is not None and not isinstance(integration, Rule):
        raise InputError("integration must be a rule such as blpteach.halton(200, seed=0), "
                         f"not {integration!r}.")
    if integration is not None and demographics is None:
        return drawn(integration, K2, len(market_labels))
    if agents is None:
        hint = " Demographics are columns of agents." if demographics else ""
        raise InputError("random coefficients need consumer types: "
                         "give agents (a table with nodes0, nodes1, ... and weights) "
                         f"or integration=blpteach.halton(200, seed=0).{hint}")
    return from_table(agents, demographics, integration, K2, products, market_labels)


def one_type(agents, demographics, integration, T):
    """The logit's consumers."""
    if demographics is not None or integration is not None:
        raise InputError("demographics and integration need random=...: "
                         "the characteristics for which tastes differ.")
    if agents is not None:
        raise InputError("agents are given, but no characteristic has a random coefficient: "
                         "give random=..., or leave agents out.")
    return Consumers(np.empty((T, 0)), np.ones(T), np.arange(T), [], [])


def drawn(integration, K2, T):
    """Nodes and weights of a rule, anew in each market, in the order in which products has them."""
    nodes, weights = integration.nodes_and_weights(T, K2)
    markets = np.repeat(np.arange(T), weights.shape[1])
    return Consumers(nodes.reshape(-1, K2), weights.ravel(), markets, numbered(K2), [])


def from_table(agents, demographics, integration, K2, products, market_labels):
    """Nodes, demographics and weights of a table; with a rule, each row has nodes drawn for it."""
    check.check_table(agents, "agents", "consumer type and market")
    agents = plain(agents)
    names = node_columns(agents) if integration is None else []
    equal = integration is not None and "weights" not in agents # draws without weights count alike
    check.check_agents(agents, pd.Series(market_labels), names if equal else [*names, "weights"])
    agents = agents[agents["market_ids"].isin(market_labels)]
    ids = agents["market_ids"]
    y = design(demographics, agents, "demographics", ids)
    if not names and not y.names and integration is None:
        raise InputError("agents has neither nodes0, nodes1, ... "
                         "nor demographics: nothing makes consumers differ.")
    nodes = agents[names].to_numpy(float)
    if integration is not None:
        names, nodes = numbered(K2), draws_for_each(integration, len(agents), K2)
    weights = (pd.Series(1.0, agents.index) / ids.map(ids.value_counts()) if equal else
               agents["weights"].astype(float))
    check.check_weights(weights, ids, products["shares"], products["market_ids"])
    tastes, markets = np.column_stack([nodes, y.values]), pd.Index(market_labels).get_indexer(ids)
    return Consumers(tastes, weights.to_numpy(), markets, names, y.names, agents)


def draws_for_each(integration, count, K2):
    """A draw (K2,) for each of `count` agents."""
    if integration.is_product:
        raise InputError("integration: a product rule can't be combined with demographics. "
                         "Its nodes come with weights of their own and would have to be crossed "
                         "with every row of agents. "
                         "Use a draw rule, such as blpteach.halton(1, seed=0), which gives each "
                         "row its own draw, or put nodes into agents.")
    return integration.draws(count, K2)


def node_columns(agents):
    """Names of the columns nodes0, nodes1, ..., by their numbers."""
    found = [name for name in agents if re.fullmatch(r"nodes\d+", str(name))]
    return sorted(found, key=lambda name: int(name[5:]))


def numbered(K2):
    """Names of K2 columns of nodes."""
    return [f"nodes{k}" for k in range(K2)]

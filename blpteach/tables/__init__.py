"""From tables to arrays: what is read, where bad data are refused, and how markets are stacked.

`columns` tells what a table is, `formula` makes matrices, `agents` and `integration` make consumers,
`validation` refuses what can't be right, `blocks` stacks markets, and `datasets` has the tables that ship.
"""

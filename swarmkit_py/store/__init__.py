"""The cluster's only memory: tables in memory with transactions, versions and watch, over a journal."""

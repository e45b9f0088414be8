"""The op contract and its backends: `reference` (torch) is the specification, `cpu` is C++."""

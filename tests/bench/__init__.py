"""The benchmark: `make bench`. Figures are ratios of interleaved rounds of one run on one machine."""

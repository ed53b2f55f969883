"""What the benchmarks share: tasks, the processes that are timed, the machine, the report."""

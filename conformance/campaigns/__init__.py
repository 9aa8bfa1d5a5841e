"""Many cases: the plan, the child processes, and the smallest case of each defect."""

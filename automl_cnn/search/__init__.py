"""The search: planner, engines, executors and the loop that ties them."""

.PHONY: style quality test newest lowest docs benchmarks-quick

check_dirs := src tests examples benchmarks docs

style:
	ruff check --fix $(check_dirs)
	ruff format $(check_dirs)

quality:
	ruff check $(check_dirs)
	ruff format --check $(check_dirs)
	mypy src/aidd

test:
	python -m pytest

# In fresh environments: everything with the newest versions that setup.cfg allows, the fast tests with the lowest.
newest:
	.ci/environment newest

lowest:
	.ci/environment lowest

docs:
	mkdocs build --strict

# Pairs of repairs, in less than three minutes: how many times as much one computes as the other.
benchmarks-quick:
	python benchmarks/quick.py --output outputs/quick.json

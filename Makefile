.PHONY: style quality test docs

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

docs:
	mkdocs build --strict

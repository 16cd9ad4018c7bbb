"""
`aidd evaluate` in many processes, on as many items at a time.

    accelerate launch examples/evaluate.py --protocol one_gap --data recordings --output outputs/evaluation

Takes the arguments of `aidd evaluate`, and writes the same results: the draws of an item do not depend on which
process it falls to. A run that was stopped goes on where it stood, in however many processes.
"""

import argparse

from accelerate import Accelerator

from aidd.cli import evaluate
from aidd.evaluation.protocols.manifest import thaw


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=evaluate.EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    evaluate.add_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    accelerator = Accelerator()
    if accelerator.is_main_process:
        evaluate.prepare(args)
    accelerator.wait_for_everyone()
    if args.freeze:
        return
    selection = thaw(args.output / evaluate.MANIFEST)
    evaluate.fill_and_measure(args, selection, accelerator.process_index, accelerator.num_processes)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        evaluate.report(args, selection)
        evaluate.tell(args)


if __name__ == "__main__":
    main()

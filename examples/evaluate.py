"""
`aidd evaluate` in many processes, on as many items at a time.

    accelerate launch examples/evaluate.py --protocol one_gap --data recordings --output outputs/evaluation

This script takes the arguments of `aidd evaluate`, and writes the same results: the draws of an item do not depend on
the process that it falls to. A run that was stopped continues where it stood, in any number of processes.
"""

import argparse

from accelerate import Accelerator

from aidd.cli.evaluate import EPILOG, add_arguments, print_summary, progress_bar, request_of
from aidd.evaluation.protocols.manifest import thaw
from aidd.evaluation.recipe import MANIFEST, fill_and_measure, prepare, report


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    return parser.parse_args()


def main() -> None:
    request = request_of(parse_args())
    accelerator = Accelerator()
    if accelerator.is_main_process:
        prepare(request)
    accelerator.wait_for_everyone()
    if request.freeze:
        return
    selection = thaw(request.output / MANIFEST)
    share = (accelerator.process_index, accelerator.num_processes)
    fill_and_measure(request, selection, share=share, progress=progress_bar(not accelerator.is_main_process))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        report(request, selection)
        print_summary(request)


if __name__ == "__main__":
    main()

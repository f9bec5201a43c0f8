"""What PeopleSoft answers: which files it took, and what became of each line."""

from worker.pipelines.bursar.acknowledgements import look
from worker.pipelines.bursar.load_result import read_results
from worker.steps import Pipeline, Step

BURSAR_ACKNOWLEDGEMENTS = Pipeline(
    name="bursar_acknowledgements",
    title="PeopleSoft's answers",
    steps=(
        Step("look", "Look which files were taken", look),
        Step("answers", "Read load results", read_results),
    ),
)

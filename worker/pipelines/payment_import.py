"""Payment import: what PeopleSoft or a cashier says was paid, read once, matched to fees, and booked."""

from worker.pipelines.payments.ask import ask
from worker.pipelines.payments.book import book
from worker.pipelines.payments.check import check
from worker.pipelines.payments.look_again import look_again
from worker.pipelines.payments.read import read
from worker.pipelines.payments.receive import receive
from worker.pipelines.payments.report import report, tell_failure
from worker.steps import Pipeline, Step

PAYMENT_IMPORT = Pipeline(
    name="payment_import",
    title="Payment import",
    steps=(
        Step("receive", "Take the file", receive),
        Step("read", "Read it and find what is new", read),
        Step("ask", "Ask Alma for fees nobody has told of", ask),
        Step("check", "Look for anything unusual", check),
        Step("book", "Match the money to fees and book it", book),
        Step("look_again", "Look again for fees of money that waits", look_again),
        Step("report", "Tell people, and have it posted", report, delivers=True),
    ),
    on_failure=tell_failure,
)

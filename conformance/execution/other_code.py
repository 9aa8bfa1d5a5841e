"""The probe of other code: a load of the source into code that departs from the code that saved."""

from saveproof.conformance.execution.raising import SubjectRaised, stage
from saveproof.conformance.execution.stages import Stages
from saveproof.conformance.model_state.trace import OtherCode, Stage
from saveproof.strategies.case import Case
from saveproof.strategies.departures import SAME_TRAINING, other_code


def load_into_other_code(stages: Stages, case: Case, *, trains_on: bool) -> OtherCode:
    """Load the source of the first save into the code of the case's departure; return the record.

    The model trains on only where its code trains as the code that saved does.

    Raises:
        Unsupported: the subject can't build the model of that code.
    """
    code = other_code(case)
    try:
        with stage(Stage.LOAD):
            model = stages.load(stages.source, compiled=False, code=code)
            loaded = stages.look(model)
    except SubjectRaised as error:
        stages.anew(code.as_compiled)
        return OtherCode(raised=error.raised)
    trains_on = trains_on and case.loading in SAME_TRAINING
    return OtherCode(loaded, stages.continue_training(model, trains_on=trains_on))

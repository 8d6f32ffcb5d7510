"""What a search does, stage by stage. Each reads a `Situation` and wishes for a job, or for none. All pure.

Again       the best network whose model is on another machine
Rerun       what the engine proposed and a lost node took along
Retry       a trial that ran out of memory, with half the batch
Defaults    what ImageNet weights give; each architecture's default
Readouts    the best probe, read at several sizes, from several stages and mirrored
Portfolio   what did well on other image sets
Promotion   the best third of a rung, trained on from where it stands with three times the time
Guided      what the diagnosis of the best trials proposes, one change at a time
Scaling     the best network from scratch, its mult-adds doubled
Proposals   what the engine proposes, made to fit
Branch      the best network where it overfits, trained on with one stronger regularization
Final       the best, trained on with all the time that is left
"""

from automl_cnn.study.plan.stages.again import Again
from automl_cnn.study.plan.stages.branch import Branch
from automl_cnn.study.plan.stages.defaults import Defaults
from automl_cnn.study.plan.stages.final import Final
from automl_cnn.study.plan.stages.guided import Guided
from automl_cnn.study.plan.stages.portfolio import Portfolio
from automl_cnn.study.plan.stages.promotion import Promotion, in_use, kept
from automl_cnn.study.plan.stages.proposals import Proposals
from automl_cnn.study.plan.stages.readouts import Readouts
from automl_cnn.study.plan.stages.rerun import Rerun
from automl_cnn.study.plan.stages.retry import Retry
from automl_cnn.study.plan.stages.scaling import Scaling
from automl_cnn.study.plan.stages.situation import Situation, Stage
from automl_cnn.study.plan.stages.sizing import Sizing

__all__ = [
    "Again",
    "Branch",
    "Defaults",
    "Final",
    "Guided",
    "Portfolio",
    "Promotion",
    "Proposals",
    "Readouts",
    "Rerun",
    "Retry",
    "Scaling",
    "Situation",
    "Sizing",
    "Stage",
    "in_use",
    "kept",
]

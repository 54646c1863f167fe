"""Pieces of the alerts' descriptions: templates that ask Prometheus for what a notification has to say.

Every query is held to the job and namespace of the alert, so that two installations in one Prometheus do not mix.
"""

from __future__ import annotations

from sentinel.evaluation.residuals import IN_UNITS

_MODEL_LABELS = ("job", "namespace", "model", "version")
_LEAST_SHARE = 0.005  # less would be printed as 0 %
_LEAST_INDEX = 0.1  # a stability index below is no move worth a word

MODEL = "Model {{ $labels.model }}, version {{ $labels.version }}"


DIGITS = (
    f'{{{{ $form := "%.3f" }}}}{{{{ if match "^({"|".join(sorted(IN_UNITS))})$" $labels.metric }}}}'
    '{{ $form = "%.4g" }}{{ end }}'
)
"""Comes before every :func:`finding_value`: a loss in the unit of the outcome may be in millions, or in thousandths."""


def finding_value(metric: str, form: str | None = None) -> str:
    """One number of the finding that the alert is about, or ``unknown``."""
    asked = "$form" if form is None else f'"{form}"'
    return _first(_asked(metric, "metric", "slice"), f"value | printf {asked}")


def model_value(metric: str, form: str) -> str:
    """One number of the model version through a template function, or ``unknown``."""
    return _first(_asked(metric), f"value | {form}")


def verdict() -> str:
    """The likeliest cause with how sure it is: ``target_leakage (75%)``, or ``unknown``."""
    cause = _first(_asked("sentinel_verdict", around="%s == 1"), 'label "cause"')
    return f"{cause} ({model_value('sentinel_verdict_confidence_ratio', 'humanizePercentage')} sure)"


def ranking(metric: str, n: int, *labels: str) -> str:
    """The largest shares of the model version, largest first: ``a 97%, b 2%``."""
    around = f"topk({n}, max by ({', '.join(labels)}) (%s) > {_LEAST_SHARE})"
    names = " ".join(f"{{{{ $e.Labels.{label} }}}}" for label in labels)
    return _listed(_asked(metric, around=around), f"{names} {{{{ $e.Value | humanizePercentage }}}}")


def drifted(n: int) -> str:
    """The features, or the score, that moved most: ``@score 0.31, age 0.12``."""
    around = f"topk({n}, max by (feature) (%s) > {_LEAST_INDEX})"
    asked = _asked("sentinel_drift_statistic", around=around, statistic="stability_index")
    return _listed(asked, '{{ $e.Labels.feature }} {{ $e.Value | printf "%.2f" }}')


def _asked(metric: str, *labels: str, around: str = "%s", **constants: str) -> str:
    """A pipeline that ends in the samples of a metric with the labels of the alert."""
    taken = (*_MODEL_LABELS, *labels)
    matchers = ",".join(f"{label}=%q" for label in (*taken, *constants))
    values = [f"$labels.{label}" for label in taken] + [f'"{value}"' for value in constants.values()]
    return f'printf "{around % f"{metric}{{{matchers}}}"}" {" ".join(values)} | query'


def _first(asked: str, ending: str) -> str:
    return f"{{{{ with {asked} }}}}{{{{ . | first | {ending} }}}}{{{{ else }}}}unknown{{{{ end }}}}"


def _listed(asked: str, item: str) -> str:
    head = f"{{{{ range $i, $e := {asked} }}}}{{{{ if $i }}}}, {{{{ end }}}}"
    return f"{head}{item}{{{{ else }}}}none is named{{{{ end }}}}"


GAP = (
    f"{DIGITS}in {{{{ $labels.metric }}}} over slice {{{{ $labels.slice }}}} "
    f"the gap is {finding_value('sentinel_gap')} (95 % bounds {finding_value('sentinel_gap_lower')} "
    f"to {finding_value('sentinel_gap_upper')}; above 0 live is worse): "
    f"offline {finding_value('sentinel_offline_estimate')}, live {finding_value('sentinel_online_estimate')}, "
    f"log evidence {finding_value('sentinel_gap_log_evidence', '%.1f')}."
)
VERDICT = f"Likeliest cause: {verdict()}."
CAUSES = f"Causes by probability: {ranking('sentinel_cause_probability_ratio', 3, 'cause')}."
SUSPECTS = f"Suspects: {ranking('sentinel_culprit_weight_ratio', 3, 'name')}."
FAULTS = f"Served otherwise than offline: {ranking('sentinel_feature_fault_ratio', 3, 'feature', 'kind')}."
ONSET = f"When it began: {ranking('sentinel_onset_probability_ratio', 3, 'onset')}."
COVERAGE = model_value("sentinel_outcome_coverage_ratio", "humanizePercentage")

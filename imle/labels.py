"""The five diagnostic superclasses of PTB-XL, in the order of every logit and probability."""

LABELS = ("CD", "HYP", "MI", "NORM", "STTC")

LABEL_TITLES = {
    "CD": "Conduction disturbance",
    "HYP": "Hypertrophy",
    "MI": "Myocardial infarction",
    "NORM": "Normal ECG",
    "STTC": "ST/T change",
}

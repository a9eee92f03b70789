"""The labels of PTB-XL that models answer, in the order of every logit and probability."""

LABELS = ("CD", "HYP", "MI", "NORM", "STTC")

# Of the infarctions, those with records enough; NORM to tell them from.
INFARCTIONS = ("ASMI", "IMI", "NORM")

LABEL_TITLES = {
    "CD": "Conduction disturbance",
    "HYP": "Hypertrophy",
    "MI": "Myocardial infarction",
    "NORM": "Normal ECG",
    "STTC": "ST/T change",
    "ASMI": "Anteroseptal myocardial infarction",
    "IMI": "Inferior myocardial infarction",
}

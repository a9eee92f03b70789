"""Upload: an ECG from any device, read in the same way as the records of the data set."""

from dashboard.subject import subject_of_upload
from dashboard.widgets.reading import reading
from dashboard.widgets.upload import uploaded
from dashboard.widgets.view_controls import view_controls

chosen = uploaded()
if chosen is not None:
    ecg, report_place = chosen
    reading(subject_of_upload(ecg), view_controls(), report_place)

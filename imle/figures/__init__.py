"""Figures of one record: the ECG sheet, bars, a printed page and a web page; Plotly or Matplotlib, never Streamlit."""

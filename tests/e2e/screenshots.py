"""Takes the pictures in assets/screenshots: each page of the demo cohort in light and dark. Run by `make screenshots`."""

from running import ROOT, browsing, serving, settled

SHOTS = {
    "records": "/?superclass=MI",
    "explain": "/explain?record=2",
    "explain-revealed": "/explain?record=2&reveal=yes",
    "explain-12x1-trace": "/explain?record=2&reveal=yes&layout=12x1&overlay=trace",
    "explain-6x2": "/explain?record=2&layout=6x2",
    "explain-median": "/explain?record=2&reveal=yes&layout=median",
    "explain-3x4-50mm": "/explain?record=2&layout=3x4&speed=50",
    "upload": "/upload",
    "explain-occlusion": "/explain?record=2&reveal=yes&model=imle_net_plus&level=occlusion",
    "compare": "/compare",
    "guidelines": "/guidelines?heatmaps=imle_net_plus+%C2%B7+attention",
}
SUFFIXES = {"light": "", "dark": "-dark"}
OUT = ROOT / "assets" / "screenshots"


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with serving() as address, browsing() as browser:
        for scheme, suffix in SUFFIXES.items():
            for name, path in SHOTS.items():
                page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme=scheme)
                page.goto(address + path)
                settled(page)
                page.wait_for_timeout(1000)  # fonts
                page.screenshot(path=OUT / f"{name}{suffix}.png")
                page.close()


if __name__ == "__main__":
    main()

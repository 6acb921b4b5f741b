"""Figure 1 of the paper, computed: `python docs/figure1.py` writes docs/_static/figure1.svg."""

from pathlib import Path

import torch

import spigot

CORNERS = ((60.0, 300.0), (420.0, 300.0), (240.0, 40.0))
"""Where the three choices are drawn."""
SCORES, GRADIENT, STEP = (1.0, 0.3, -0.2), (0.5, -0.75, 0.25), 0.8


def place(point: torch.Tensor) -> tuple[float, float]:
    """Return where a point whose coordinates sum to 1 is drawn."""
    return tuple(
        sum(float(weight) * corner[axis] for weight, corner in zip(point, CORNERS, strict=True)) for axis in (0, 1)
    )


def arrow(start: tuple[float, float], end: tuple[float, float], kind: str) -> str:
    """Return a line that ends a little before its end, with a head."""
    across, down = end[0] - start[0], end[1] - start[1]
    short = 1 - 9 / max((across**2 + down**2) ** 0.5, 10)
    x, y = start[0] + short * across, start[1] + short * down
    ends = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{x:.1f}" y2="{y:.1f}"'
    return f'<line class="{kind}" {ends} marker-end="url(#head)"/>'


def label(at: tuple[float, float], text: str, dx: float, dy: float) -> str:
    """Return a dot with a text beside it."""
    x, y = at
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/><text x="{x + dx:.1f}" y="{y + dy:.1f}">{text}</text>'


def picture() -> str:
    """Return the SVG."""
    scores = torch.tensor([SCORES], requires_grad=True)
    gradient = torch.tensor([GRADIENT])
    chosen = spigot.structured_argmax(scores, spigot.Categorical(), spigot.SPIGOT(step_size=STEP))
    (difference,) = torch.autograd.grad(chosen, scores, gradient)
    # What leaves the plane of the triangle cannot be drawn, and the projection takes it away.
    moved = chosen.detach() - STEP * (gradient - gradient.mean())
    z, p, back = (place(point[0]) for point in (chosen.detach(), moved, chosen.detach() - difference))
    triangle = " ".join(f"{x},{y}" for x, y in CORNERS)
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 500 400" font-family="serif" font-size="19">',
        "<style>svg{color:#1b1b1f}@media(prefers-color-scheme:dark){svg{color:#cfcfd6}}",
        "text,circle,marker path{fill:currentColor}text{font-style:italic}polygon{fill:#4a7fd533;stroke:currentColor}",
        "line{stroke:currentColor;stroke-width:1.6}.back{stroke-dasharray:5 4}",
        ".gradient{stroke:#d2452f;stroke-width:2.6}.red{fill:#d2452f}</style>",
        '<marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker>',
        f'<polygon points="{triangle}"/>',
        arrow(z, p, "step"),
        arrow(p, back, "back"),
        arrow(z, back, "gradient"),
        label(z, "ẑ", -26, 20),
        label(p, "p̂ = ẑ − η∇ẑ", -20, 26 if p[1] > 300 else -12),
        label(back, "z̃", 12, -10),
        f'<text class="red" x="{(z[0] + back[0]) / 2 - 60:.1f}" y="{(z[1] + back[1]) / 2 - 12:.1f}">−∇s</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "_static/figure1.svg").write_text(picture(), "utf-8")

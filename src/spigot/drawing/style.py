"""Colours and fonts of drawings, for light and dark surroundings."""

STYLE = """
.spigot-drawing{--ink:#1d2430;--soft:#6b7482;--paper:#ffffff;--above:#b3263a;--below:#1f5fbf;
--old:#66707f;--new:#a8500a;--up:#0f7b5f;--down:#b4480b;
font-family:-apple-system,"Segoe UI",Roboto,Helvetica,Arial,"Liberation Sans",sans-serif}
@media (prefers-color-scheme:dark){.spigot-drawing{--ink:#e8ecf2;--soft:#98a2b3;--paper:#14181f;
--above:#ff8b95;--below:#7fb0ff;--old:#98a2b3;--new:#f2b05e;--up:#4fd1a5;--down:#f0a060}}
.spigot-drawing .paper{fill:var(--paper)}
.spigot-drawing .word{fill:var(--ink);font-size:15px;text-anchor:middle}
.spigot-drawing .tag{fill:var(--soft);font-size:10.5px;text-anchor:middle}
.spigot-drawing .cut{fill:var(--soft);font-size:10.5px}
.spigot-drawing .caption{fill:var(--soft);font-size:12px}
.spigot-drawing .key{color:var(--ink)}
.spigot-drawing .above{color:var(--above)}
.spigot-drawing .below{color:var(--below)}
.spigot-drawing .old{color:var(--old)}
.spigot-drawing .new{color:var(--new)}
.spigot-drawing .up{color:var(--up)}
.spigot-drawing .down{color:var(--down)}
.spigot-drawing .line{fill:none;stroke:currentColor;stroke-width:1.25px}
.spigot-drawing .old .line{stroke-dasharray:2.5 3}
.spigot-drawing .new .line{stroke-dasharray:7 3}
.spigot-drawing .down .line{stroke-dasharray:5 3}
.spigot-drawing .tip{fill:currentColor}
.spigot-drawing .label{fill:currentColor;font-size:11px;text-anchor:middle}
.spigot-drawing .ground{fill:var(--paper)}
.spigot-drawing .arc:hover .line{stroke-width:2.75px}
.spigot-drawing .arc:hover .label{font-weight:700}
"""

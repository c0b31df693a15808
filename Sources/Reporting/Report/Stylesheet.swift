extension HTML {
    /// The report's whole look. One accent for the run, one second colour for evaluations, greys for the rest.
    static let stylesheet: HTML = """

        :root {
          color-scheme: light dark;
          --page: #fbfbf9; --card: #ffffff; --line: #e4e4de; --grid: #eeeeea;
          --ink: #1d211c; --soft: #5d645b; --faint: #8a9087;
          --accent: #24704a; --accent-soft: #dcebe2; --second: #b4631a; --bad: #b3352b; --warn: #9a6a00;
          --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #141714; --card: #1b1f1b; --line: #2d332d; --grid: #262b26;
            --ink: #e7eae5; --soft: #a6aea4; --faint: #7c857a;
            --accent: #6fc397; --accent-soft: #223a2d; --second: #e29a54; --bad: #ef8378; --warn: #dcb04a;
          }
        }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; }
        body {
          margin: 0; background: var(--page); color: var(--ink);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Inter, "Helvetica Neue", Arial, sans-serif;
          font-variant-numeric: tabular-nums;
        }
        main { max-width: 1120px; margin: 0 auto; padding: 44px 28px 12px; }
        footer { max-width: 1120px; margin: 0 auto; padding: 12px 28px 44px; color: var(--faint); font-size: 13px; }
        h1 { font-size: 27px; line-height: 1.28; font-weight: 640; letter-spacing: -.012em; margin: 10px 0 10px;
          max-width: 34em; text-wrap: balance; overflow-wrap: anywhere; }
        h2 { font-size: 17px; font-weight: 640; letter-spacing: -.005em; margin: 0 0 16px; }
        h3 { font-size: 13px; font-weight: 600; color: var(--soft); margin: 0 0 8px; }
        p { margin: 0; }
        section { margin-top: 44px; }
        .eyebrow { color: var(--soft); font-size: 14px; }
        .status { display: inline-block; padding: 1px 9px; border-radius: 99px; font-weight: 600; font-size: 13px;
          margin-right: 6px; border: 1px solid currentColor; }
        .status.good { color: var(--accent); } .status.bad { color: var(--bad); }
        .status.warning { color: var(--warn); } .status.neutral { color: var(--soft); }
        .paths { color: var(--faint); font: 13px/1.5 var(--mono); overflow-wrap: anywhere; }

        .tiles { display: grid; gap: 12px; margin-top: 28px; grid-template-columns: repeat(auto-fit, minmax(166px, 1fr)); }
        .tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px 15px; min-width: 0; }
        .tile .name { color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
        .tile .value { font-size: 25px; line-height: 1.3; font-weight: 620; letter-spacing: -.025em;
          margin: 2px 0 4px; white-space: nowrap; }
        .tile .value small { font-size: 16px; font-weight: 500; color: var(--soft); letter-spacing: 0; }
        .tile .detail { color: var(--faint); font-size: 13px; line-height: 1.45; }
        .tile.headline { grid-column: span 2; }
        .good .tile.headline .value { color: var(--accent); }
        .compare { display: grid; grid-template-columns: minmax(0, 8.5em) 1fr auto; gap: 10px; align-items: center; color: var(--soft); }
        .compare > span:first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
        .compare i, td.bar i { display: block; height: 6px; background: var(--grid); border-radius: 3px; overflow: hidden; }
        .compare b, td.bar b { display: block; height: 100%; background: var(--faint); border-radius: 3px; }
        .compare.own { color: var(--ink); } .compare.own b, td.bar b { background: var(--accent); }

        .warnings { margin-top: 16px; border-left: 3px solid var(--warn); padding: 4px 0 4px 16px; }
        .warnings h2 { font-size: 14px; margin: 0 0 4px; color: var(--warn); }
        .warnings ul { margin: 0; padding-left: 18px; font-size: 14px; overflow-wrap: anywhere; }
        .warnings code { font: 12px var(--mono); color: var(--faint); }

        .charts { display: grid; gap: 26px 30px; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); margin-top: 26px; }
        .charts.main { grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); margin-top: 0; }
        .chart { margin: 0; min-width: 0; }
        .chart figcaption { font-size: 14px; font-weight: 600; margin-bottom: 12px; }
        .chart figcaption small { font-weight: 400; color: var(--faint); font-size: 12px; }
        .plot { margin: 0 14px 26px 50px; }
        .plot.labelled { margin-right: 72px; }
        .plot svg { display: block; overflow: visible; }
        .plot svg svg { overflow: hidden; }
        .plot text { font-size: 12px; fill: var(--soft); }
        .plot .tick { fill: var(--faint); font-size: 11.5px; }
        .plot .grid { stroke: var(--grid); } .plot .axis { stroke: var(--line); }
        .plot path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
        path.main { stroke: var(--accent); stroke-width: 2; }
        path.second { stroke: var(--second); stroke-width: 2; }
        path.raw { stroke: var(--accent); stroke-width: 1; opacity: .32; }
        path.reference { stroke: var(--faint); stroke-width: 1.2; stroke-dasharray: 4 4; }
        circle.main { fill: var(--accent); } circle.second { fill: var(--second); }
        circle.best { fill: none; stroke: var(--accent); stroke-width: 1.5; }
        .plot text.main { fill: var(--accent); font-weight: 600; } .plot text.second { fill: var(--second); font-weight: 600; }
        .plot text.reference, .plot text.bad { paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round; }
        .plot text.bad { fill: var(--bad); font-weight: 600; } line.bad { stroke: var(--bad); stroke-width: 1.2; }
        .hover { fill: transparent; } .hover:hover { fill: var(--ink); fill-opacity: .07; }

        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: 14px; }
        th, td { text-align: right; padding: 6px 0 6px 18px; border-bottom: 1px solid var(--grid); white-space: nowrap; }
        th:first-child, td:first-child { padding-left: 0; }
        thead th { color: var(--soft); font-weight: 500; font-size: 13px; border-bottom-color: var(--line); vertical-align: bottom; }
        tbody th, .text { text-align: left; font-weight: 400; }
        td.name { white-space: normal; overflow-wrap: anywhere; min-width: 7em; max-width: 22em; }
        td.note, th.note { color: var(--faint); text-align: left; width: 40%; }
        tr.own td { font-weight: 600; } tr.own td.note { color: var(--accent); }
        td.bar i { display: inline-block; width: 56px; margin-right: 10px; vertical-align: 2px; }
        .forecast { max-width: 900px; }
        .columns { display: grid; gap: 32px 48px; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); align-items: start; }
        .columns > div { min-width: 0; } .columns td { padding-top: 4px; padding-bottom: 4px; }
        details { margin-top: 10px; } summary { color: var(--soft); font-size: 14px; cursor: pointer; }
        .caption { color: var(--soft); font-size: 13px; margin: 18px 0 8px; }
        .columns .caption { margin: 0 0 4px; }
        .stack { display: flex; gap: 2px; height: 12px; border-radius: 6px; overflow: hidden; max-width: 900px; }
        .stack i { display: block; min-width: 2px; }
        .legend { list-style: none; margin: 10px 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 22px; font-size: 13px; color: var(--soft); }
        .legend b { font-weight: 500; color: var(--ink); }
        .legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 7px; }
        .part0 { background: var(--accent); } .part1 { background: var(--second); } .part2 { background: var(--faint); }
        .part3 { background: color-mix(in srgb, var(--accent) 50%, var(--page)); }
        .part4 { background: color-mix(in srgb, var(--second) 50%, var(--page)); }
        .part5 { background: color-mix(in srgb, var(--faint) 50%, var(--page)); }
        .facts { margin: 0; font-size: 14px; }
        .facts div { display: grid; grid-template-columns: 8.5em 1fr; gap: 14px; padding: 5px 0; border-bottom: 1px solid var(--grid); }
        .facts dt { color: var(--soft); overflow-wrap: anywhere; } .facts dd { margin: 0; overflow-wrap: anywhere; }
        pre { margin: 0; padding: 14px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
          font: 12.5px/1.6 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere; }
        pre.command { padding: 9px 13px; margin-bottom: 14px; }
        .none { color: var(--faint); }

        .wide main, .wide footer { max-width: 1480px; }
        .wide section > .paths { margin-bottom: 18px; } .wide .warnings { margin-bottom: 22px; }
        .charts.pareto { grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); margin-top: 6px; }
        path.front { stroke: var(--accent); stroke-width: 1.5; opacity: .45; }
        circle.front { fill: var(--accent); } circle.beaten { fill: var(--page); stroke: var(--faint); stroke-width: 1.5; }
        .plot text.front, .plot text.beaten { paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round; }
        .plot text.front { fill: var(--accent); font-weight: 600; } .plot text.beaten { fill: var(--faint); }
        .legend i.hollow { border: 1.5px solid var(--faint); border-radius: 50%; } .pareto + .legend { margin-bottom: 26px; }
        .pareto + .legend .part0 { border-radius: 50%; }
        table.comparison { font-size: 13px; } table.comparison th, table.comparison td { padding-left: 13px; }
        table.comparison th:first-child, table.comparison td:first-child { padding-left: 0; }
        table.comparison tr.run:has(+ .remarks) td { border-bottom: 0; padding-bottom: 0; }
        tr.remarks td { text-align: left; white-space: normal; padding-top: 1px; color: var(--soft); font-size: 13px; }
        tr.remarks b { font-weight: 500; color: var(--second); }
        tr.remarks.bad td { color: var(--bad); overflow-wrap: anywhere; }
        a { color: inherit; text-decoration-color: var(--faint); text-underline-offset: 3px; }

        @media (max-width: 620px) {
          main { padding: 26px 16px 8px; } footer { padding: 12px 16px 32px; }
          h1 { font-size: 22px; } section { margin-top: 34px; }
          .tiles { grid-template-columns: 1fr 1fr; gap: 10px; }
          .tile { padding: 12px 13px; } .tile .value { font-size: 23px; }
          .charts, .charts.main { grid-template-columns: minmax(0, 1fr); }
          .facts div { grid-template-columns: 6.5em 1fr; }
          td.note, th.note { width: auto; } th, td { padding-left: 12px; }
        }
        @media print {
          :root { --page: #fff; --card: #fff; --line: #ccc; --grid: #e6e6e6; --ink: #000; --soft: #444; --faint: #666;
            --accent: #1c5a3b; --second: #94500f; --bad: #9c2018; --warn: #7a5400; }
          body { font-size: 11pt; } main { padding: 0; max-width: none; }
          section, .chart, .tile, tr { break-inside: avoid; } section:has(table, pre, .charts) { break-inside: auto; }
          .charts.main { grid-template-columns: 1fr 1fr; } .charts { grid-template-columns: 1fr 1fr 1fr; gap: 20px; }
          th, td, .columns td { padding-top: 3px; padding-bottom: 3px; }
          h2, h3, thead { break-after: avoid; } .hover { display: none; }
          * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
        }

        """
}

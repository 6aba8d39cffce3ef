/** The colours, light and dark, and the sizes. The names of colours are those of the report. */
export const TOKENS = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfc; --raised: #fff; --ink: #1a1f26; --soft: #56606b; --faint: #66707b; --line: #e2e5ea; --edge: #868f9a;
  --panel: #f1f3f6; --hover: #0f172a0a; --link: #1a569c; --accent: #2563b0; --on-accent: #fff;
  --m0: #2f6db5; --m1: #e08a2b; --m2: #3a9a86; --m3: #c4527a; --m4: #8467c2; --m5: #a39432; --other: #a9b0b9;
  --good: #2f9a68; --bad: #cf4a45; --part: #d4951b; --run: #2f6db5;
  --bad-ink: #b02a25; --bad-wash: #fdf0ef; --part-ink: #7d5200; --part-wash: #fdf5e3; --good-ink: #1b6b46;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #12151a; --raised: #181c22; --ink: #e3e7ed; --soft: #a3acb8; --faint: #8b95a1; --line: #282e37; --edge: #6d7784;
    --panel: #1d222a; --hover: #ffffff0d; --link: #85b7f3; --accent: #6aa3e8; --on-accent: #0d1218;
    --m0: #6aa3e8; --m1: #efa65a; --m2: #5cc0ab; --m3: #e17d9f; --m4: #ae96e6; --m5: #c9ba5e; --other: #69727d;
    --good: #5cbf8c; --bad: #e9736e; --part: #ebc05c; --run: #6aa3e8;
    --bad-ink: #f3938e; --bad-wash: #2d1b1c; --part-ink: #ecc46a; --part-wash: #2a2314; --good-ink: #74cfa0;
  }
}
`

#!/usr/bin/env bash
# LaTeX reports compile, by themselves and inside a paper, with every citation found; texts that are
# full of TeX stay texts. The PDFs lie in build/ci/latex to be looked at.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"

command -v pdflatex >/dev/null || die 2 "pdflatex is not installed (packages.txt, tier full)"
build_preset ci joulebench
program=$(joulebench_of ci)
folder=$build_root/ci/latex
rm -rf "$folder"
mkdir -p "$folder"

# compile NAME: three passes and BibTeX; fails on an error or on a citation that is not found.
compile() {
  local name=$1
  (
    cd "$folder"
    pdflatex -interaction=nonstopmode -halt-on-error "$name.tex" >/dev/null 2>&1 || true
    bibtex "$name" >"$name.bibtex" 2>&1 || true
    pdflatex -interaction=nonstopmode -halt-on-error "$name.tex" >/dev/null 2>&1 || true
    pdflatex -interaction=nonstopmode -halt-on-error "$name.tex" >"$name.out" 2>&1 ||
      die 1 "$name.tex does not compile: $(grep -m 1 -A 2 '^!' "$name.out")"
    ! grep -m 1 -E 'Citation .* undefined|undefined references' "$name.out" >&2 ||
      die 1 "$name.tex: a citation is not in its .bib"
    ! grep -m 1 -i 'error message' "$name.bibtex" >&2 || die 1 "$name.bib is not right"
    # Wider than the page by more than a letter is visible; words without a place to break are the
    # hostile records' own fault.
    [[ $name == hostile ]] || awk '/^Overfull .hbox/ { gsub(/[^0-9.]/, "", $3); if ($3 + 0 > 12) { print; bad = 1 } } END { exit bad }' \
      "$name.out" >&2 || die 1 "$name.tex: a table is wider than the page"
  )
  say "latex: $name"
}

cases=("gate $repo_root/results/baselines/gate" "hostile $repo_root/ci/browser/hostile.jsonl")
for part in iso-precision iso-accuracy drift; do
  published=$repo_root/results/published/energy-per-op/$part
  [[ ! -d $published ]] || cases+=("$part $published")
done
for case in "${cases[@]}"; do
  read -r name input <<<"$case"
  "$program" report "$input" --format tex --literature all -o "$folder/$name.tex"
  compile "$name"
done
cat >"$folder/paper.tex" <<'TEX'
\documentclass{article}
\usepackage{booktabs}
\usepackage{siunitx}
\begin{document}
A paper with tables of its own.
\input{gate}
\bibliographystyle{plain}
\bibliography{gate}
\end{document}
TEX
compile paper

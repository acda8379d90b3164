// The result of a benchmark: rows with ratios and verdicts, a table for people, JSON for programs.

/** What a row promises: on the ratio of the two systems, or on the candidate's own figure. */
export interface Target {
  of: 'ratio' | 'value';
  bound: 'atLeast' | 'atMost';
  limit: number;
  /** What would be better still; shown, not judged. */
  best?: number;
}

export interface Measurement {
  section: string;
  name: string;
  unit: string;
  /** NaN or null: not measured, or has no meaning for this system. */
  baseline: number | null;
  candidate: number | null;
  target?: Target;
  /** In words, how regions that should show the same do not: then the figure is not worth judging. */
  differs?: string;
}

export type Verdict = 'ok' | 'missed' | 'differs' | null;

export interface Row {
  section: string;
  name: string;
  unit: string;
  baseline: number | null;
  candidate: number | null;
  /** Candidate divided by baseline. */
  ratio: number | null;
  target: Target | null;
  verdict: Verdict;
  differs: string | null;
}

/** Completes a measurement with its ratio and its verdict. */
export function judge(measurement: Measurement): Row {
  const baseline = finiteOrNull(measurement.baseline);
  const candidate = finiteOrNull(measurement.candidate);
  const target = measurement.target ?? null;
  const ratio = baseline === null || candidate === null ? null : finiteOrNull(candidate / baseline);
  const judged = target?.of === 'ratio' ? ratio : candidate;
  const { section, name, unit } = measurement;
  const differs = measurement.differs ?? null;
  const held = target === null || judged === null ? null : verdictOf(target, judged);
  const verdict = differs === null ? held : 'differs';
  return { section, name, unit, baseline, candidate, ratio, target, verdict, differs };
}

function verdictOf(target: Target, value: number): Verdict {
  const held = target.bound === 'atLeast' ? value >= target.limit : value <= target.limit;
  return held ? 'ok' : 'missed';
}

function finiteOrNull(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** The rows as aligned lines, a heading per section. */
export function table(rows: readonly Row[], baseline: string, candidate: string): string[] {
  const head = ['', '', baseline, candidate, 'ratio', 'target', ''];
  const cells = rows.map((row) => [
    row.name,
    row.unit,
    formatNumber(row.baseline),
    formatNumber(row.candidate),
    row.ratio === null ? '-' : row.ratio.toFixed(2),
    formatTarget(row.target),
    row.verdict ?? '',
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const textColumns = new Set([0, 1, 5, 6]);
  const align = (line: readonly string[]): string =>
    line
      .map((cell, i) =>
        textColumns.has(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const lines = [`  ${align(head)}`];
  let section = '';
  rows.forEach((row, i) => {
    if (row.section !== section) lines.push(row.section);
    section = row.section;
    lines.push(`  ${align(cells[i] ?? [])}`);
  });
  return lines;
}

/** Four significant figures or so, with separators for thousands. */
export function formatNumber(value: number | null): string {
  if (value === null) return '-';
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  const text = value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return text === '-0.00' ? '0.00' : text;
}

function formatTarget(target: Target | null): string {
  if (target === null) return '';
  const sign = target.bound === 'atLeast' ? '>=' : '<=';
  const text = (limit: number) => limit.toLocaleString('en-US', { maximumFractionDigits: 3 });
  const best = target.best === undefined ? '' : ` (best ${sign} ${text(target.best)})`;
  return `${target.of === 'ratio' ? 'ratio' : 'value'} ${sign} ${text(target.limit)}${best}`;
}

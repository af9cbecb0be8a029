/** What a part of the bench finds, and how it is shown. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly aim?: { readonly atLeast: number } | { readonly atMost: number };
  /** To something bare, measured right beside it: says more than the value on a machine that is not alone. */
  readonly ratio?: { readonly value: number; readonly to: string };
}

export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const holds = ({ value, aim }: Figure): boolean | undefined => {
  if (!aim) return undefined;
  return 'atLeast' in aim ? value >= aim.atLeast : value <= aim.atMost;
};

const digits = (value: number) =>
  value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3 });

const aimText = (figure: Figure): string => {
  const { aim } = figure;
  if (!aim) return '';
  const text = 'atLeast' in aim ? `≥ ${digits(aim.atLeast)}` : `≤ ${digits(aim.atMost)}`;
  return `${text} ${holds(figure) ? 'holds' : 'MISSED'}`;
};

/** A table that is Markdown as well, so that it can go into the README as it is. */
export const table = (figures: readonly Figure[]): string => {
  const rows = figures.map((figure) => [
    figure.name,
    `${digits(figure.value)} ${figure.unit}`,
    aimText(figure),
    figure.ratio ? `${digits(figure.ratio.value)} × ${figure.ratio.to}` : '',
  ]);
  const all = [['figure', 'value', 'aim', 'ratio'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = all;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)].join('\n');
};

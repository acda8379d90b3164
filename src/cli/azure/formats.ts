// The names of the formats in which results are printed, for those who only offer them.

export const FORMATS = ['json', 'jsonc', 'yaml', 'yamlc', 'table', 'tsv', 'none'] as const;
export type Format = (typeof FORMATS)[number];

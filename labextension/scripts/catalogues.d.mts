export const languages: string[];
export function fileOf(language: string): string;
export const catalogues: Record<string, string>;

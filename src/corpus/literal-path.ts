/**
 * A path -> what DuckDB takes for that path and no other. It reads the name of a Parquet file as a pattern, so a folder `scan*` would bring in the files of every folder that
 * begins so. A backslash beside such a sign finds no file, which is an error.
 */

/** The path with the signs of a pattern as sets of one character. */
export function literalPath(path: string): string {
  return path.replace(/[*?[]/g, '[$&]')
}

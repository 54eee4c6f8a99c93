/** The legal moves as Mermaid state diagrams, one an entity, as docs/database.md shows them. */
export type Move = { entity: string; from_status: string; to_status: string };

export function stateDiagrams(moves: Move[]): string {
  const entities = [...new Set(moves.map(({ entity }) => entity))].sort();
  return entities
    .map((entity) => {
      const lines = moves
        .filter((move) => move.entity === entity)
        .map(({ from_status, to_status }) => `  ${from_status || '[*]'} --> ${to_status}`);
      return `### ${entity}\n\n\`\`\`mermaid\nstateDiagram-v2\n${lines.join('\n')}\n\`\`\`\n`;
    })
    .join('\n');
}

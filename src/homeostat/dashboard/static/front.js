// The contestants of a backtest, and those that nobody beats.

/**
 * @typedef {{name: string, accuracy: number | null, retrainings: number, cost: number, false_alarms: number, regret: number | null,
 *   over_time: (number | null)[], calendar: boolean, hindsight: boolean}} Row
 */

/**
 * All contestants, the cheapest first; calendars of hindsight among them.
 * @param {any} report
 * @returns {Row[]}
 */
export function rowsOf(report) {
  const rows = [
    ...Object.values(report.strategies).map((each) => ({ .../** @type {any} */ (each), hindsight: false })),
    ...Object.values(report.calendars ?? {}).map((each) => ({ .../** @type {any} */ (each), hindsight: true })),
  ];
  const whole = (/** @type {any} */ row) => ({ over_time: [], calendar: false, regret: null, false_alarms: 0, ...row, name: String(row.name) });
  return rows.map(whole).sort((a, b) => a.cost - b.cost || a.retrainings - b.retrainings);
}

/**
 * Those of which no other has fewer retrainings and a lower cost; by retrainings.
 * @param {Row[]} rows
 * @returns {Row[]}
 */
export function frontOf(rows) {
  /** @type {Row[]} */
  const front = [];
  for (const row of [...rows].sort((a, b) => a.retrainings - b.retrainings || a.cost - b.cost)) {
    if (!front.length || row.cost < front[front.length - 1].cost) front.push(row);
  }
  return front;
}

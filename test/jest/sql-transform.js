import { sqlModule } from '../../lib/sql-module.js';

export default {
  process: (text, path) => ({ code: sqlModule(path, text) }),
  processAsync: async (text, path) => ({ code: sqlModule(path, text) }),
};

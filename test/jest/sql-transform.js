import { sqlModule } from '../../schema/sql/module.js';

export default {
  process: (text, path) => ({ code: sqlModule(path, text) }),
  processAsync: async (text, path) => ({ code: sqlModule(path, text) }),
};

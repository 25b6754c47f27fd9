import { SQLITE } from './sqlite-engine.ts';
import { storageConformance } from './storage.ts';

storageConformance(SQLITE);

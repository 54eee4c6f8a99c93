export { type Backing, type Collection, createStore, type Store } from './store.ts';

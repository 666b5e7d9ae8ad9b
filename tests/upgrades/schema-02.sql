BEGIN TRANSACTION;
CREATE TABLE attempt (
	id INTEGER NOT NULL, 
	who VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "attempt" VALUES(1,'1 第 attempt.who',1795262400000000);
INSERT INTO "attempt" VALUES(2,'2 第 attempt.who',1795262400000000);
CREATE TABLE bulletin (
	id VARCHAR(64) NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	title TEXT NOT NULL, 
	body TEXT NOT NULL, 
	say TEXT NOT NULL, 
	teams JSON NOT NULL, 
	products JSON NOT NULL, 
	words JSON NOT NULL, 
	valid_from BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	withdrawn_at BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "bulletin" VALUES('1 第 bulletin.id','1 第 bulletin.by',1795262400000000,'1 第 bulletin.kin','1 第 bulletin.title','1 第 bulletin.body','1 第 bulletin.say','{"\u8bf4": ["\u8bdd", 1]}','{"\u8bf4": ["\u8bdd", 1]}','{"\u8bf4": ["\u8bdd", 1]}',1795262400000000,1795262400000000,1795262400000000);
INSERT INTO "bulletin" VALUES('2 第 bulletin.id','2 第 bulletin.by',1795262400000000,'2 第 bulletin.kin','2 第 bulletin.title','2 第 bulletin.body','2 第 bulletin.say','{"\u8bf4": ["\u8bdd", 2]}','{"\u8bf4": ["\u8bdd", 2]}','{"\u8bf4": ["\u8bdd", 2]}',1795262400000000,1795262400000000,1795262400000000);
CREATE TABLE bulletin_seen (
	bulletin VARCHAR(64) NOT NULL, 
	user VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (bulletin, user), 
	FOREIGN KEY(bulletin) REFERENCES bulletin (id)
);
INSERT INTO "bulletin_seen" VALUES('1 第 bulletin.id','1 第 bulletin_seen.user',1795262400000000);
INSERT INTO "bulletin_seen" VALUES('2 第 bulletin.id','2 第 bulletin_seen.user',1795262400000000);
CREATE TABLE call (
	id VARCHAR(64) NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	teams JSON NOT NULL, 
	begun_at BIGINT NOT NULL, 
	last_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	product VARCHAR(64) NOT NULL, 
	lang VARCHAR(8) NOT NULL, 
	tag VARCHAR(16) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "call" VALUES('1 第 call.id','1 第 call.agent','{"\u8bf4": ["\u8bdd", 1]}',1795262400000000,1795262400000000,1795262400000000,'1 第 call.product','1 第 call','1 第 call.tag');
INSERT INTO "call" VALUES('2 第 call.id','2 第 call.agent','{"\u8bf4": ["\u8bdd", 2]}',1795262400000000,1795262400000000,1795262400000000,'2 第 call.product','2 第 call','2 第 call.tag');
CREATE TABLE draft (
	article VARCHAR(200) NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	path VARCHAR(400) NOT NULL, 
	base VARCHAR(64) NOT NULL, 
	source TEXT NOT NULL, 
	gap VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (article, "by")
);
INSERT INTO "draft" VALUES('1 第 draft.article','1 第 draft.by','1 第 draft.path','1 第 draft.base','1 第 draft.source','1 第 draft.gap',1795262400000000);
INSERT INTO "draft" VALUES('2 第 draft.article','2 第 draft.by','2 第 draft.path','2 第 draft.base','2 第 draft.source','2 第 draft.gap',1795262400000000);
CREATE TABLE event (
	id VARCHAR(64) NOT NULL, 
	call VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	"query" TEXT NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	version VARCHAR(64) NOT NULL, 
	detail JSON NOT NULL, 
	undone_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(call) REFERENCES call (id)
);
INSERT INTO "event" VALUES('1 第 event.id','1 第 call.id',1795262400000000,'1 第 event.agent','1 第 event.kind','1 第 event.query','1 第 event.article','1 第 event.version','{"\u8bf4": ["\u8bdd", 1]}',1795262400000000);
INSERT INTO "event" VALUES('2 第 event.id','2 第 call.id',1795262400000000,'2 第 event.agent','2 第 event.kind','2 第 event.query','2 第 event.article','2 第 event.version','{"\u8bf4": ["\u8bdd", 2]}',1795262400000000);
CREATE TABLE flag (
	id VARCHAR(64) NOT NULL, 
	call VARCHAR(64) NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	version VARCHAR(64) NOT NULL, 
	sentence TEXT NOT NULL, 
	reason VARCHAR(16) NOT NULL, 
	note TEXT NOT NULL, 
	undone_at BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "flag" VALUES('1 第 flag.id','1 第 flag.call','1 第 flag.agent',1795262400000000,'1 第 flag.article','1 第 flag.version','1 第 flag.sentence','1 第 flag.reason','1 第 flag.note',1795262400000000);
INSERT INTO "flag" VALUES('2 第 flag.id','2 第 flag.call','2 第 flag.agent',1795262400000000,'2 第 flag.article','2 第 flag.version','2 第 flag.sentence','2 第 flag.reason','2 第 flag.note',1795262400000000);
CREATE TABLE gap (
	id VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	question TEXT NOT NULL, 
	lang VARCHAR(8) NOT NULL, 
	product VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	closed_at BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "gap" VALUES('1 第 gap.id',1795262400000000,'1 第 gap.question','1 第 gap.','1 第 gap.product','1 第 gap.state','1 第 gap.article',1795262400000000);
INSERT INTO "gap" VALUES('2 第 gap.id',1795262400000000,'2 第 gap.question','2 第 gap.','2 第 gap.product','2 第 gap.state','2 第 gap.article',1795262400000000);
CREATE TABLE gap_report (
	id VARCHAR(64) NOT NULL, 
	gap VARCHAR(64) NOT NULL, 
	call VARCHAR(64) NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	question TEXT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	words TEXT NOT NULL, 
	answered TEXT NOT NULL, 
	suggestion TEXT NOT NULL, 
	told_at BIGINT, 
	undone_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(gap) REFERENCES gap (id)
);
INSERT INTO "gap_report" VALUES('1 第 gap_report.id','1 第 gap.id','1 第 gap_report.call','1 第 gap_report.agent',1795262400000000,'1 第 gap_report.question','1 第 gap_report.k','1 第 gap_report.words','1 第 gap_report.answered','1 第 gap_report.suggestion',1795262400000000,1795262400000000);
INSERT INTO "gap_report" VALUES('2 第 gap_report.id','2 第 gap.id','2 第 gap_report.call','2 第 gap_report.agent',1795262400000000,'2 第 gap_report.question','2 第 gap_report.k','2 第 gap_report.words','2 第 gap_report.answered','2 第 gap_report.suggestion',1795262400000000,1795262400000000);
CREATE TABLE practice (
	id VARCHAR(64) NOT NULL, 
	user VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	question TEXT NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	opened VARCHAR(200) NOT NULL, 
	seconds FLOAT NOT NULL, 
	"right" BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "practice" VALUES('1 第 practice.id','1 第 practice.user',1795262400000000,'1 第 practice.question','1 第 practice.article','1 第 practice.opened',1.0,0);
INSERT INTO "practice" VALUES('2 第 practice.id','2 第 practice.user',1795262400000000,'2 第 practice.question','2 第 practice.article','2 第 practice.opened',2.0,1);
CREATE TABLE preference (
	user VARCHAR(64) NOT NULL, 
	name VARCHAR(32) NOT NULL, 
	value JSON NOT NULL, 
	PRIMARY KEY (user, name)
);
INSERT INTO "preference" VALUES('1 第 preference.user','1 第 preference.name','{"\u8bf4": ["\u8bdd", 1]}');
INSERT INTO "preference" VALUES('2 第 preference.user','2 第 preference.name','{"\u8bf4": ["\u8bdd", 2]}');
CREATE TABLE promise (
	id VARCHAR(64) NOT NULL, 
	call VARCHAR(64) NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	made_at BIGINT NOT NULL, 
	due_at BIGINT NOT NULL, 
	what TEXT NOT NULL, 
	gap VARCHAR(64) NOT NULL, 
	kept_at BIGINT, 
	undone_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(call) REFERENCES call (id)
);
INSERT INTO "promise" VALUES('1 第 promise.id','1 第 call.id','1 第 promise.agent',1795262400000000,1795262400000000,'1 第 promise.what','1 第 promise.gap',1795262400000000,1795262400000000);
INSERT INTO "promise" VALUES('2 第 promise.id','2 第 call.id','2 第 promise.agent',1795262400000000,1795262400000000,'2 第 promise.what','2 第 promise.gap',1795262400000000,1795262400000000);
CREATE TABLE revision (
	id VARCHAR(64) NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	path VARCHAR(400) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	parent VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	"by" VARCHAR(200) NOT NULL, 
	cause VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "revision" VALUES('1 第 revision.id','1 第 revision.article','1 第 revision.path','1 第 revision.sha256','1 第 revision.parent',1795262400000000,'1 第 revision.by','1 第 revision.cau','1 第 revision.sta');
INSERT INTO "revision" VALUES('2 第 revision.id','2 第 revision.article','2 第 revision.path','2 第 revision.sha256','2 第 revision.parent',1795262400000000,'2 第 revision.by','2 第 revision.cau','2 第 revision.sta');
CREATE TABLE schema (
	version INTEGER NOT NULL
);
INSERT INTO "schema" VALUES(2);
CREATE TABLE session (
	"key" VARCHAR(64) NOT NULL, 
	user VARCHAR(64) NOT NULL, 
	sample BOOLEAN NOT NULL, 
	begun_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "session" VALUES('1 第 session.key','1 第 session.user',0,1795262400000000,1795262400000000);
INSERT INTO "session" VALUES('2 第 session.key','2 第 session.user',1,1795262400000000,1795262400000000);
CREATE TABLE user (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	teams JSON NOT NULL, 
	langs JSON NOT NULL, 
	password VARCHAR(200) NOT NULL, 
	must_change BOOLEAN NOT NULL, 
	created_at BIGINT NOT NULL, 
	disabled_at BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "user" VALUES('1 第 user.id','1 第 user.name','1 第 user.role','{"\u8bf4": ["\u8bdd", 1]}','{"\u8bf4": ["\u8bdd", 1]}','1 第 user.password',0,1795262400000000,1795262400000000);
INSERT INTO "user" VALUES('2 第 user.id','2 第 user.name','2 第 user.role','{"\u8bf4": ["\u8bdd", 2]}','{"\u8bf4": ["\u8bdd", 2]}','2 第 user.password',1,1795262400000000,1795262400000000);
CREATE TABLE version (
	sha256 VARCHAR(64) NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	first_at BIGINT NOT NULL, 
	source TEXT NOT NULL, 
	PRIMARY KEY (sha256)
);
INSERT INTO "version" VALUES('1 第 version.sha256','1 第 version.article',1795262400000000,'1 第 version.source');
INSERT INTO "version" VALUES('2 第 version.sha256','2 第 version.article',1795262400000000,'2 第 version.source');
CREATE INDEX call_held ON call (agent, ended_at);
CREATE INDEX version_of_article ON version (article, first_at);
CREATE INDEX flag_of_article ON flag (article, at);
CREATE INDEX gap_by_state ON gap (state, at);
CREATE INDEX bulletin_live ON bulletin (expires_at);
CREATE INDEX practice_of_user ON practice (user, at);
CREATE INDEX session_of_user ON session (user);
CREATE INDEX attempt_of ON attempt (who, at);
CREATE INDEX revision_of_article ON revision (article, at);
CREATE INDEX event_of_call ON event (call, at);
CREATE INDEX event_that_solved ON event (kind, article, undone_at, call);
CREATE INDEX event_of_article ON event (article, kind);
CREATE INDEX event_of_agent ON event (agent, at);
CREATE INDEX promise_of_agent ON promise (agent, due_at);
CREATE INDEX report_of_gap ON gap_report (gap, at);
CREATE INDEX report_of_agent ON gap_report (agent, told_at);
COMMIT;

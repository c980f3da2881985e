-- AlterEnum
ALTER TYPE "LoanState" ADD VALUE 'LOST';
